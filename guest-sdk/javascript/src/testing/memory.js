// The three long memories of the test host.

import { parse, stringify } from "../json.js";

export class Memory {
  kept = { knowledge: [], episodes: [], marks: new Map(), procedures: [], current: new Map() };

  remember(given, writer) {
    const entry = typeof given === "string" ? { content: given } : given;
    const metadata = typeof entry.metadata === "string" ? entry.metadata : stringify(entry.metadata ?? {});
    const same = (item) => entry.externalId
      ? item.externalId === entry.externalId
      : !item.externalId && item.content === entry.content;
    const old = this.kept.knowledge.find(same);
    const id = old?.id ?? this.nextId("mem");
    for (const item of this.kept.knowledge.filter((one) => entry.supersedes && one.id === entry.supersedes)) {
      item.validUntil = entry.validFrom ?? this.now;
      item.supersededBy = id;
    }
    const { ttlSeconds, supersedes, chunkBytes, ...rest } = entry;
    this.kept.knowledge = this.kept.knowledge.filter((item) => item !== old);
    this.kept.knowledge.push({
      tags: [], source: null, visibility: "private", validFrom: null, validUntil: null, derivedFrom: [], externalId: null,
      ...rest, metadata, id, supersededBy: null, part: null, writer, turn: null, created: old?.created ?? this.now,
      updated: this.now, score: 1,
    });
    this.turn.writes += 1;
    return id;
  }

  search(query) {
    const hits = this.kept.knowledge.filter((item) => this.#fits(item, query));
    return bestFirst(hits, (item) => common(query.text, item.content))
      .filter(({ score }) => score >= (query.minScore ?? 0))
      .slice(query.offset, query.offset + query.limit);
  }

  list(filter) {
    const before = filter.after === null ? Infinity : Number(filter.after);
    const passing = this.kept.knowledge
      .map((item, at) => ({ item, at }))
      .filter(({ item, at }) => at < before && this.#fits(item, filter) && (!filter.document || filter.document === item.id))
      .reverse();
    const page = passing.slice(0, filter.limit);
    return {
      items: page.map(({ item }) => item),
      next: passing.length > page.length ? String(page.at(-1).at) : null,
    };
  }

  item(id) {
    return this.kept.knowledge.find((item) => item.id === id);
  }

  forget(id) {
    const before = this.kept.knowledge.length;
    this.kept.knowledge = this.kept.knowledge.filter((item) => item.id !== id);
    this.turn.writes += 1;
    return this.kept.knowledge.length < before;
  }

  #fits(item, { tags, source, metadata, since, until, asOf }) {
    const at = asOf ?? this.now;
    const wanted = Object.entries(metadata ? parse(metadata) : {});
    const has = wanted.length > 0 ? parse(item.metadata) : {};
    return (
      (!item.validFrom || item.validFrom <= at) &&
      (!item.validUntil || at < item.validUntil) &&
      tags.every((tag) => item.tags.includes(tag)) &&
      (!source || source === item.source) &&
      (!since || item.updated >= since) &&
      (!until || item.updated < until) &&
      wanted.every(([name, value]) => name in has && stringify(has[name]) === stringify(value))
    );
  }

  addEpisode(of, episode) {
    const id = this.nextId("epi");
    this.kept.episodes.push({ of, episode: { id, time: this.now, ...episode } });
    this.turn.writes += 1;
    return id;
  }

  /** The newest first. */
  episodes(of, { session, role, since, until, before } = {}) {
    const all = this.kept.episodes.filter((one) => one.of === of).map(({ episode }) => episode).reverse();
    const from = before ? all.findIndex(({ id }) => id === before) + 1 || all.length : 0;
    return all.slice(from).filter((episode) =>
      (!session || session === episode.session) &&
      (!role || role === episode.role) &&
      (!since || episode.time >= since) &&
      (!until || episode.time < until));
  }

  /** The oldest first, after the last one that was consolidated. */
  unconsolidated(of, limit) {
    const all = this.episodes(of).reverse();
    const done = all.findIndex(({ id }) => id === this.kept.marks.get(of));
    return all.slice(done + 1, done + 1 + limit);
  }

  /** Says whether there is such an episode. */
  consolidate(of, through) {
    const place = (id) => this.episodes(of).reverse().findIndex((episode) => episode.id === id);
    if (place(through) < 0) return false;
    if (place(through) > place(this.kept.marks.get(of))) this.kept.marks.set(of, through);
    this.turn.writes += 1;
    return true;
  }

  putProcedure({ name, kind = "prompt", body, triggers = [], metadata = {} }, writer) {
    const version = this.kept.procedures.filter((old) => old.name === name).length + 1;
    const text = typeof metadata === "string" ? metadata : stringify(metadata);
    this.kept.procedures.push({
      name, version, kind, body, triggers, metadata: text, writer, created: this.now, score: 1,
    });
    this.kept.current.set(name, [...(this.kept.current.get(name) ?? []), version]);
    this.turn.writes += 1;
    return version;
  }

  procedure(name, version) {
    const wanted = version ?? this.kept.current.get(name)?.at(-1);
    return this.kept.procedures.find((one) => one.name === name && one.version === wanted);
  }

  activate(name, version) {
    if (!this.procedure(name, version)) return false;
    const history = this.kept.current.get(name);
    if (history.at(-1) !== version) history.push(version);
    this.turn.writes += 1;
    return true;
  }

  /** The version that is current now, if there was one before. */
  rollBackProcedure(name) {
    const history = this.kept.current.get(name) ?? [];
    if (history.length < 2) return undefined;
    history.pop();
    this.turn.writes += 1;
    return history.at(-1);
  }

  matching(situation, limit) {
    const current = this.kept.procedures.filter((one) => this.procedure(one.name) === one);
    const score = ({ triggers }) => Math.max(0, ...triggers.map((trigger) => common(situation, trigger)));
    return bestFirst(current, score).slice(0, limit);
  }
}

/** The part of the words of `wanted` that are in `text`, 0 to 1: good enough to test what an agent does with hits. */
export function common(wanted, text) {
  const [some, all] = [wanted, text].map((one) => one.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);
  return some.length === 0 ? 0 : some.filter((word) => all.includes(word)).length / some.length;
}

/** The best first, with their scores; what has nothing in common is left out. */
export function bestFirst(found, scoreOf) {
  const scored = found.map((one) => ({ ...one, score: scoreOf(one) })).filter(({ score }) => score > 0);
  return scored.sort((left, right) => right.score - left.score);
}
