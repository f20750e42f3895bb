//go:build wasip1

package warren

import (
	"time"

	"warren.example/warren/internal/bindings/exports/export_wit_world"
	_ "warren.example/warren/internal/bindings/exports/wit_exports" // the functions that a component exports
	clock "warren.example/warren/internal/bindings/imports/warren_agent_clock"
	who "warren.example/warren/internal/bindings/imports/warren_agent_context"
	episodes "warren.example/warren/internal/bindings/imports/warren_agent_episodes"
	events "warren.example/warren/internal/bindings/imports/warren_agent_events"
	knowledge "warren.example/warren/internal/bindings/imports/warren_agent_knowledge"
	log "warren.example/warren/internal/bindings/imports/warren_agent_log"
	procedures "warren.example/warren/internal/bindings/imports/warren_agent_procedures"
	random "warren.example/warren/internal/bindings/imports/warren_agent_random"
	registry "warren.example/warren/internal/bindings/imports/warren_agent_registry"
	types "warren.example/warren/internal/bindings/imports/warren_agent_types"
	working "warren.example/warren/internal/bindings/imports/warren_agent_working"
	wit "warren.example/warren/internal/wit/types"
)

// The host behind the generated bindings. One call in, one call out; nothing is decided here.
type component struct{}

func init() {
	export_wit_world.DescribeAgent = func() string {
		if exported == nil {
			return errNoAgent.Error()
		}
		return exported.Manifest()
	}
	export_wit_world.HandleEvent = handle
}

func handle(event types.Event) wit.Result[wit.Unit, types.Failure] {
	ctx := NewContext(component{})
	outcome := Outcome{Kind: OutcomeFail, Reason: errNoAgent.Error()}
	if exported != nil {
		outcome = Settle(exported.Run(ctx, incoming(event)))
	}
	switch outcome.Kind {
	case OutcomeOk:
		return wit.Ok[wit.Unit, types.Failure](wit.Unit{})
	case OutcomeReject:
		return wit.Err[wit.Unit](types.MakeFailureReject(outcome.Reason))
	case OutcomeRetry:
		// The contract has no place for the reason of a retry.
		ctx.Warn(outcome.Reason)
		after := wit.None[uint32]()
		if outcome.After > 0 {
			after = wit.Some(uint32(min(outcome.After.Milliseconds(), 1<<32-1)))
		}
		return wit.Err[wit.Unit](types.MakeFailureRetry(after))
	}
	return wit.Err[wit.Unit](types.MakeFailureOther(outcome.Reason))
}

func incoming(e types.Event) *Incoming {
	out := &Incoming{
		JSON: []byte(e.Data), ID: e.Id, Source: e.Source, Type: e.EventType, Topic: Topic(e.Topic), Time: e.Time,
		Subject: str(e.Subject), Schema: str(e.Schema), Correlation: e.Correlation, Trace: e.Trace,
		Parent: str(e.Parent), Session: str(e.Session), Goal: str(e.Goal), Plan: str(e.Plan), Task: str(e.Task),
		Customer: str(e.Customer), User: str(e.User), Attempt: e.Attempt, Deadline: e.Deadline,
	}
	if e.ReplyTo.IsSome() {
		reply := e.ReplyTo.Some()
		out.ReplyTo = &ReplyTo{Topic: Topic(reply.Topic), Type: reply.EventType}
	}
	for _, field := range e.Extensions {
		out.Extensions = append(out.Extensions, Field{Name: field.F0, Value: field.F1})
	}
	return out
}

// Between ours and the contract's: none is the empty string, or 0.

func opt(text string) wit.Option[string] {
	if text == "" {
		return wit.None[string]()
	}
	return wit.Some(text)
}

func optU32(number uint32) wit.Option[uint32] {
	if number == 0 {
		return wit.None[uint32]()
	}
	return wit.Some(number)
}

func str(option wit.Option[string]) string { return option.SomeOr("") }

func pairs(fields []Field) []wit.Tuple2[string, string] {
	out := make([]wit.Tuple2[string, string], len(fields))
	for i, field := range fields {
		out[i] = wit.Tuple2[string, string]{F0: field.Name, F1: field.Value}
	}
	return out
}

func each[In, Out any](in []In, change func(In) Out) []Out {
	out := make([]Out, len(in))
	for i := range in {
		out[i] = change(in[i])
	}
	return out
}

// result splits a result. The codes stand in the order of the contract, after 0.
func result[T any](r wit.Result[T, types.Error]) (value T, err error) {
	if r.IsOk() {
		return r.Ok(), nil
	}
	e := r.Err()
	out := &Error{Code: Code(e.Tag() + 1)}
	switch e.Tag() {
	case types.Error_Denied:
		out.Message = e.Denied()
	case types.Error_Invalid:
		out.Message = e.Invalid()
	case types.Error_Conflict:
		out.Message = e.Conflict()
	case types.Error_Exhausted:
		out.Message = e.Exhausted()
	case types.Error_Unavailable:
		out.Message = e.Unavailable()
	case types.Error_Other:
		out.Message = e.Other()
	}
	return value, out
}

func changed[In, Out any](r wit.Result[In, types.Error], change func(In) Out) (out Out, err error) {
	value, err := result(r)
	if err != nil {
		return out, err
	}
	return change(value), nil
}

func done(r wit.Result[wit.Unit, types.Error]) error {
	_, err := result(r)
	return err
}

func optional(option wit.Option[string], err error) (string, bool, error) {
	if err != nil {
		return "", false, err
	}
	return option.SomeOr(""), option.IsSome(), nil
}

func (component) Publish(draft *Draft, data string, afterMs uint32) (string, error) {
	in := types.Draft{
		Topic: string(draft.Topic), EventType: draft.Type, Data: data, Subject: opt(draft.Subject),
		Schema: opt(draft.Schema), Correlation: opt(draft.Correlation), Session: opt(draft.Session),
		Goal: opt(draft.Goal), Plan: opt(draft.Plan), Task: opt(draft.Task), Extensions: pairs(draft.Extensions),
		ReplyTo: wit.None[types.ReplyAddress](),
	}
	if to := draft.ReplyTo; to != nil {
		in.ReplyTo = wit.Some(types.ReplyAddress{Topic: string(to.Topic), EventType: to.Type})
	}
	switch {
	case draft.At != "":
		return result(events.PublishAt(in, draft.At))
	case afterMs > 0:
		return result(events.PublishLater(in, afterMs))
	}
	return result(events.Publish(in))
}

func (component) Respond(data string) (string, error) { return result(events.Respond(data)) }

func (component) Call(eventType, data string, timeoutMs uint32) (string, error) {
	return result(events.Call(eventType, data, timeoutMs))
}

func (component) WorkingGet(key string) (string, bool, error) {
	return optional(result(working.Get(key)))
}

func (component) WorkingPut(key, value string, ttlMs uint32) error {
	return done(working.Put(key, value, optU32(ttlMs)))
}

func (component) WorkingDelete(key string) (bool, error) { return result(working.Delete(key)) }

func (component) WorkingKeys(prefix, after string, limit uint32) ([]string, error) {
	return result(working.Keys(prefix, opt(after), limit))
}

func (component) WorkingIncrement(key string, by float64) (float64, error) {
	return result(working.Increment(key, by))
}

func (component) WorkingAppend(key, value string) (uint32, error) {
	return result(working.Append(key, value))
}

func (component) Remember(entry *Entry) (string, error) {
	return result(knowledge.Remember(knowledge.Entry{
		ExternalId: opt(entry.ExternalID), Content: entry.Content, Metadata: entry.metadataJSON, Tags: entry.Tags,
		Source: opt(entry.Source), Visibility: knowledge.Visibility(entry.Visibility),
		TtlSeconds: optU32(uint32(entry.TTL / time.Second)), ValidFrom: opt(entry.ValidFrom),
		ValidUntil: opt(entry.ValidUntil), Supersedes: opt(entry.Supersedes), DerivedFrom: entry.DerivedFrom,
		ChunkBytes: optU32(entry.ChunkBytes),
	}))
}

func (component) SearchKnowledge(search *Search) ([]Item, error) {
	minScore := wit.None[float64]()
	if search.MinScore != 0 {
		minScore = wit.Some(search.MinScore)
	}
	found := knowledge.Search(knowledge.Query{
		Text: search.Text, Mode: knowledge.SearchMode(search.Mode), Limit: search.Limit, Offset: search.Offset,
		Tags: search.Tags, Source: opt(search.Source), Metadata: opt(search.metadataJSON), Since: opt(search.Since),
		Until: opt(search.Until), AsOf: opt(search.AsOf), MinScore: minScore,
	})
	return changed(found, func(list []knowledge.Item) []Item { return each(list, item) })
}

func (component) ListKnowledge(filter *EntryFilter) (Page, error) {
	found := knowledge.ListEntries(knowledge.Filter{
		Tags: filter.Tags, Source: opt(filter.Source), Metadata: opt(filter.metadataJSON), Since: opt(filter.Since),
		Until: opt(filter.Until), AsOf: opt(filter.AsOf), Document: opt(filter.Document), Limit: filter.Limit,
		After: opt(filter.After),
	})
	return changed(found, func(page knowledge.Page) Page {
		return Page{Items: each(page.Items, item), Next: str(page.Next)}
	})
}

func (component) GetKnowledge(id string) (Item, error) { return changed(knowledge.Get(id), item) }

func (component) Forget(id string) (bool, error) { return result(knowledge.Forget(id)) }

func item(i knowledge.Item) Item {
	out := Item{
		ID: i.Id, ExternalID: str(i.ExternalId), Content: i.Content, Metadata: []byte(i.Metadata), Tags: i.Tags,
		Source: str(i.Source), Visibility: Visibility(i.Visibility), ValidFrom: str(i.ValidFrom),
		ValidUntil: str(i.ValidUntil), SupersededBy: str(i.SupersededBy), Writer: i.Writer, Turn: str(i.Turn),
		DerivedFrom: i.DerivedFrom, Created: i.Created, Updated: i.Updated, Score: i.Score,
	}
	if i.Part.IsSome() {
		part := i.Part.Some()
		out.Part = &Part{Document: part.Document, Number: part.Number, Of: part.Of}
	}
	return out
}

// Ours begins with "any", the contract's does not.
func role(r Role) episodes.Role { return episodes.Role(max(r, RoleUser) - RoleUser) }

func (component) AddEpisode(r Role, content, metadata string) (string, error) {
	return result(episodes.Add(role(r), content, metadata))
}

func episodeFilter(f *EpisodeFilter) episodes.Filter {
	by := wit.None[episodes.Role]()
	if f.Role != RoleAny {
		by = wit.Some(role(f.Role))
	}
	return episodes.Filter{
		Session: opt(f.Session), Role: by, Since: opt(f.Since), Until: opt(f.Until), Limit: f.Limit,
		Before: opt(f.Before),
	}
}

func episodeList(list []episodes.Episode) []Episode {
	return each(list, func(e episodes.Episode) Episode {
		return Episode{
			ID: e.Id, Role: Role(e.Role) + RoleUser, Content: e.Content, Metadata: []byte(e.Metadata),
			Session: str(e.Session), Time: e.Time,
		}
	})
}

func (component) RecentEpisodes(filter *EpisodeFilter) ([]Episode, error) {
	return changed(episodes.Recent(episodeFilter(filter)), episodeList)
}

func (component) SearchEpisodes(text string, filter *EpisodeFilter) ([]Episode, error) {
	return changed(episodes.Search(text, episodeFilter(filter)), episodeList)
}

func (component) Unconsolidated(limit uint32) ([]Episode, error) {
	return changed(episodes.Unconsolidated(limit), episodeList)
}

func (component) Consolidate(through string) error { return done(episodes.Consolidate(through)) }

func procedure(p procedures.Procedure) Procedure {
	return Procedure{
		Name: p.Name, Version: p.Version, Kind: ProcedureKind(p.Kind), Body: p.Body, Triggers: p.Triggers,
		Metadata: []byte(p.Metadata), Writer: p.Writer, Created: p.Created, Score: p.Score,
	}
}

func (component) PutProcedure(p *NewProcedure) (uint32, error) {
	return result(procedures.Put(procedures.Draft{
		Name: p.Name, Kind: procedures.ProcedureKind(p.Kind), Body: p.Body, Triggers: p.Triggers,
		Metadata: p.metadataJSON,
	}))
}

func (component) GetProcedure(name string, version uint32) (Procedure, error) {
	return changed(procedures.Get(name, optU32(version)), procedure)
}

func (component) ActivateProcedure(name string, version uint32) error {
	return done(procedures.Activate(name, version))
}

func (component) RollBackProcedure(name string) (uint32, error) {
	return result(procedures.RollBack(name))
}

func (component) MatchProcedures(situation string, limit uint32) ([]Procedure, error) {
	found := procedures.MatchSituation(situation, limit)
	return changed(found, func(list []procedures.Procedure) []Procedure { return each(list, procedure) })
}

func agentInfo(a registry.Agent) AgentInfo {
	return AgentInfo{
		Name: a.Name, Kind: a.Kind, Description: a.Description, Status: a.Status, Digest: a.Digest,
		Manifest: []byte(a.Manifest),
	}
}

func (component) FindAgents(q *AgentQuery) ([]AgentInfo, error) {
	found := registry.FindAgents(registry.AgentQuery{
		Name: opt(q.Name), Kind: opt(q.Kind), Consumes: opt(q.Consumes), Produces: opt(q.Produces),
		Capability: opt(q.Capability), Text: opt(q.Text), Limit: q.Limit, After: opt(q.After),
	})
	return changed(found, func(list []registry.Agent) []AgentInfo { return each(list, agentInfo) })
}

func (component) Discover(q *CatalogQuery) ([]CatalogEntry, error) {
	hosted := wit.None[bool]()
	if q.Hosted != nil {
		hosted = wit.Some(*q.Hosted)
	}
	found := registry.Discover(registry.CatalogQuery{
		Id: opt(q.ID), Name: opt(q.Name), Kind: opt(q.Kind), Category: opt(q.Category), Tags: q.Tags,
		Capability: opt(q.Capability), Task: opt(q.Task), Consumes: opt(q.Consumes), Produces: opt(q.Produces),
		Owner: opt(q.Owner), State: opt(q.State), Text: opt(q.Text), About: opt(q.About), Hosted: hosted,
		IncludeExpired: q.IncludeExpired, Limit: q.Limit, After: opt(q.After),
	})
	return changed(found, func(list []registry.CatalogEntry) []CatalogEntry {
		return each(list, func(e registry.CatalogEntry) CatalogEntry {
			return CatalogEntry{
				Name: e.Name, Kind: e.Kind, Hosted: e.Hosted, State: e.State, Owner: str(e.Owner),
				Description: e.Description, URL: str(e.Url), Score: e.Score.SomeOr(0), Brief: e.Brief,
				Definition: []byte(e.Definition),
			}
		})
	})
}

func (component) GetAgent(name string) (AgentInfo, error) {
	return changed(registry.GetAgent(name), agentInfo)
}

func (component) FindEvents(q *EventQuery) ([]EventInfo, error) {
	found := registry.FindEvents(registry.EventQuery{
		EventType: opt(q.Type), Topic: opt(string(q.Topic)), Text: opt(q.Text), Actionable: q.Actionable,
		Limit: q.Limit, After: opt(q.After),
	})
	return changed(found, func(list []registry.EventDefinition) []EventInfo {
		return each(list, func(e registry.EventDefinition) EventInfo {
			return EventInfo{
				Type: e.EventType, Topic: e.Topic, Description: e.Description, Schema: str(e.Schema),
				Actionable: e.Actionable, Consumers: e.Consumers, Producers: e.Producers,
			}
		})
	})
}

func (component) GetSchema(name string, version uint32) (Schema, error) {
	return changed(registry.GetSchema(name, optU32(version)), func(s registry.Schema) Schema {
		return Schema{Name: s.Name, Version: s.Version, Body: []byte(s.Body)}
	})
}

func (component) Validate(schema, value string) ([]Violation, error) {
	return changed(registry.Validate(schema, value), func(list []registry.Violation) []Violation {
		return each(list, func(v registry.Violation) Violation {
			return Violation{Pointer: v.Pointer, Message: v.Message}
		})
	})
}

func (component) Who() Identity {
	w := who.Who()
	return Identity{
		Agent: w.Agent, Digest: w.Digest, Turn: w.Turn, Attempt: w.Attempt, Customer: str(w.Customer),
		User: str(w.User), Depth: w.Depth,
	}
}

func (component) Remaining() Budget {
	b := who.Remaining()
	return Budget{
		Time: time.Duration(b.TimeMs) * time.Millisecond, CPU: time.Duration(b.CpuMs) * time.Millisecond,
		HostCalls: b.HostCalls, Events: b.Events, Writes: b.Writes, OutputBytes: b.OutputBytes,
	}
}

func (component) Cancelled() bool { return who.Cancelled() }

func (component) Config(key string) (string, bool, error) { return optional(result(who.Config(key))) }

func (component) Log(level Level, message string, fields []Field) {
	log.Log(log.Level(level), message, pairs(fields))
}

func (component) Now() string { return clock.Now() }

func (component) ElapsedMs() uint32 { return clock.ElapsedMs() }

func (component) Random(count uint32) ([]byte, error) { return result(random.Bytes(count)) }
