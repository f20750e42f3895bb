"""The registry of the test host: the agents that a test gave it."""

from __future__ import annotations

from typing import Any, Optional

from ..agent import Agent
from ..payload import write
from .memory import best_first, common


def agents(everyone: list[Agent], query: dict) -> list[dict]:
    def fits(manifest: dict) -> bool:
        return (
            (query["name"] or "").lower() in manifest["name"]
            and query["kind"] in (None, manifest["kind"])
            and _has(manifest["subscriptions"], query["consumes"])
            and _has(manifest["produces"], query["produces"])
            and query["capability"] in (None, *(one["name"] for one in manifest.get("capabilities", [])))
            and (query["text"] is None or common(query["text"], manifest["description"]) > 0)
            and manifest["name"] > (query["after"] or "")
        )

    found = [info(agent) for agent in everyone if fits(agent.manifest())]
    return sorted(found, key=lambda one: one["name"])[: query["limit"]]


def discover(everyone: list[Agent], query: dict) -> list[dict]:
    """The catalogue holds no services here: what lives elsewhere is not in a test."""

    def fits(manifest: dict) -> bool:
        tasks = [task for one in manifest.get("capabilities", []) for task in one.get("tasks", [])]
        return (
            query["id"] in (None, manifest["name"])
            and query["kind"] in (None, _kind(manifest))
            and query["category"] in (None, manifest.get("category"))
            and all(tag in manifest.get("tags", []) for tag in query["tags"])
            and query["task"] in (None, *tasks)
            and query["owner"] in (None, manifest.get("owner"))
            and query["state"] in (None, "active")
            and query["hosted"] in (None, True)
        )

    named = {one["name"] for one in agents(everyone, {**query, "kind": None, "limit": len(everyone)})}
    fitting = [agent for agent in everyone if agent.name in named and fits(agent.manifest())]
    found = sorted((_entry(agent) for agent in fitting), key=lambda one: one["name"])
    if query["about"] is not None:
        found = best_first(found, lambda one: common(query["about"], one["description"]))
    return found[: query["limit"]]


def _kind(manifest: dict) -> str:
    return "tool" if manifest["kind"] == "tool" else "agent"


def _entry(agent: Agent) -> dict:
    manifest = agent.manifest()
    return {
        "name": agent.name, "kind": _kind(manifest), "hosted": True, "state": "active", "owner": manifest.get("owner"),
        "description": agent.description, "url": None, "score": None, "brief": f"{agent.name}: {agent.description}",
        "definition": write(manifest, "the manifest"),
    }


def info(agent: Agent) -> dict:
    manifest = agent.manifest()
    return {
        **{name: manifest[name] for name in ("name", "kind", "description")},
        "status": "active",
        "digest": "sha256:" + "0" * 64,
        "manifest": write(manifest, "the manifest"),
    }


def events(everyone: list[Agent], query: dict) -> list[dict]:
    found: dict[str, dict] = {}
    for agent in everyone:
        manifest = agent.manifest()
        for role, entries in (("consumers", manifest["subscriptions"]), ("producers", manifest["produces"])):
            for entry in entries:
                _definition(found, entry)[role].append(agent.name)
    for event in found.values():
        event["actionable"] = bool(event["consumers"])
    fitting = [
        event for event in found.values()
        if (query["event_type"] or "") in event["event_type"]
        and query["topic"] in (None, event["topic"])
        and (query["text"] is None or common(query["text"], event["description"]) > 0)
        and event["actionable"] >= query["actionable"]
        and event["event_type"] > (query["after"] or "")
    ]
    return sorted(fitting, key=lambda one: one["event_type"])[: query["limit"]]


def schema(everyone: list[Agent], name: str) -> Optional[Any]:
    """The schema of an event type that some agent declares."""
    entries = [entry for agent in everyone for part in ("subscriptions", "produces") for entry in agent.manifest()[part]]
    return next((entry["schema"] for entry in entries if entry["type"] == name and "schema" in entry), None)


def _has(entries: list[dict], name: Optional[str]) -> bool:
    return name is None or any(entry["type"] == name for entry in entries)


def _definition(found: dict[str, dict], entry: dict) -> dict:
    return found.setdefault(entry["type"], {
        "event_type": entry["type"], "topic": entry["topic"], "description": entry.get("description", ""),
        "schema": entry["type"] if "schema" in entry else None, "consumers": [], "producers": [],
    })
