// The conformance agent in Go: does what a list of steps says and answers with what came of each.
package main

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"warren.example/warren"
)

type script struct {
	Steps []map[string]any `json:"steps"`
}

type answer struct {
	Results []any `json:"results"`
}

type ok struct {
	Ok any `json:"ok"`
}

type refused struct {
	Error   string `json:"error"`
	Message string `json:"message"`
}

var agent = warren.Agent{
	Name:        "conformance",
	Kind:        warren.KindTool,
	Description: "Does what a list of steps says.",
	Handlers:    []warren.Handler{warren.Handle("conformance.run", run), warren.Handle("conformance.raw", raw)},
	Produces:    []warren.EventType{{Topic: warren.BusinessFacts, Type: "conformance.said"}},
	Grants: []warren.Grant{
		warren.GrantPublish, warren.GrantCall, warren.GrantRegistry, warren.GrantWorkingRead, warren.GrantWorkingWrite,
		warren.GrantKnowledgeRead, warren.GrantKnowledgeWrite, warren.GrantEpisodesRead, warren.GrantEpisodesWrite,
		warren.GrantProceduresRead, warren.GrantProceduresWrite,
	},
}

func init() { warren.Export(&agent) }
func main() {}

func raw(ctx *warren.Context, ev warren.Event[json.RawMessage]) error {
	_, err := ctx.Respond(answer{[]any{ok{string(ev.Data)}}})
	return err
}

func run(ctx *warren.Context, ev warren.Event[script]) error {
	results := []any{}
	for _, arguments := range ev.Data.Steps {
		s := step{ctx: ctx, event: &ev.Incoming, arguments: resolved(arguments, results)}
		value, err := s.run()
		var e *warren.Error
		switch {
		case err == nil:
			results = append(results, ok{value})
		case errors.As(err, &e):
			results = append(results, refused{strings.ReplaceAll(e.Code.Error(), " ", "-"), e.Message})
		default:
			return err
		}
	}
	_, err := ctx.Respond(answer{results})
	return err
}

// resolved is the step with the values of earlier results where it names them.
func resolved(arguments map[string]any, results []any) map[string]any {
	for name, value := range arguments {
		reference, _ := value.(map[string]any)
		if earlier, is := reference["$"].(float64); is {
			if result, is := results[int(earlier)].(ok); is {
				arguments[name] = result.Ok
			}
		}
	}
	return arguments
}

// step is a step with what it needs to run.
type step struct {
	ctx       *warren.Context
	event     *warren.Incoming
	arguments map[string]any
}

func (s step) text(name string) string {
	text, _ := s.arguments[name].(string)
	return text
}

func (s step) number(name string) float64 {
	number, _ := s.arguments[name].(float64)
	return number
}

func (s step) count(name string) uint32 { return uint32(s.number(name)) }

func (s step) millis(name string) time.Duration {
	return time.Duration(s.number(name)) * time.Millisecond
}

func (s step) texts(name string) (texts []string) {
	list, _ := s.arguments[name].([]any)
	for _, text := range list {
		texts = append(texts, text.(string))
	}
	return texts
}

// null is the text, or null if it is empty.
func null(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func each[T any](list []T, text func(T) string) []string {
	texts := []string{}
	for _, value := range list {
		texts = append(texts, text(value))
	}
	return texts
}

func (s step) run() (any, error) {
	name := s.text("do")
	group, what, _ := strings.Cut(name, ".")
	switch group {
	case "working":
		return s.working(what)
	case "knowledge":
		return s.knowledge(what)
	case "episodes":
		return s.episodes(what)
	case "procedures":
		return s.procedures(what)
	case "registry":
		return s.registry(what)
	case "end":
		return s.end(what)
	}
	return s.general(name)
}

func (s step) general(name string) (any, error) {
	switch name {
	case "echo":
		return s.arguments["value"], nil
	case "event":
		return s.told(), nil
	case "publish":
		return s.publish()
	case "respond":
		return s.ctx.Respond(s.arguments["data"])
	case "call":
		return warren.Call[any](s.ctx, s.text("type"), s.arguments["data"], s.millis("timeout_ms"))
	case "who":
		who := s.ctx.Identity()
		return map[string]any{
			"agent": who.Agent, "attempt": who.Attempt, "depth": who.Depth, "user": null(who.User),
		}, nil
	case "remaining":
		left := s.ctx.Budget()
		return map[string]any{
			"time_ms": left.Time.Milliseconds(), "cpu_ms": left.CPU.Milliseconds(), "host_calls": left.HostCalls,
			"events": left.Events, "writes": left.Writes, "output_bytes": left.OutputBytes,
		}, nil
	case "cancelled":
		return s.ctx.Cancelled(), nil
	case "config":
		value, there, err := s.ctx.Config(s.text("key"))
		if !there {
			return nil, err
		}
		return value, err
	case "log":
		s.log()
		return nil, nil
	case "now":
		return s.ctx.Now(), nil
	case "elapsed":
		return s.ctx.Elapsed().Milliseconds(), nil
	case "random":
		bytes, err := s.ctx.RandomBytes(s.count("len"))
		return len(bytes), err
	}
	return nil, warren.Reject("no step `%s`", name)
}

func (s step) told() any {
	extensions := map[string]string{}
	for _, field := range s.event.Extensions {
		extensions[field.Name] = field.Value
	}
	e := s.event
	return map[string]any{
		"type": e.Type, "topic": e.Topic, "subject": null(e.Subject), "session": null(e.Session), "plan": null(e.Plan),
		"user": null(e.User), "customer": null(e.Customer), "attempt": e.Attempt, "extensions": extensions,
	}
}

func (s step) publish() (id any, err error) {
	draft := warren.Draft{
		Topic: warren.Topic(s.text("topic")), Type: s.text("type"), Data: s.arguments["data"],
		Subject: s.text("subject"), After: s.millis("after_ms"), At: s.text("at"),
	}
	for range max(s.count("times"), 1) {
		if id, err = s.ctx.PublishDraft(draft); err != nil {
			return nil, err
		}
	}
	return id, nil
}

var levels = map[string]warren.Level{
	"trace": warren.LevelTrace, "debug": warren.LevelDebug, "info": warren.LevelInfo, "warn": warren.LevelWarn,
	"error": warren.LevelError,
}

func (s step) log() {
	var fields []any
	given, _ := s.arguments["fields"].(map[string]any)
	for name, value := range given {
		fields = append(fields, name, value)
	}
	s.ctx.Log(levels[s.text("level")], s.text("message"), fields...)
}

func (s step) working(what string) (any, error) {
	memory, key := s.ctx.Working(), s.text("key")
	switch what {
	case "get":
		var value any
		_, err := memory.Get(key, &value)
		return value, err
	case "put":
		return nil, memory.PutFor(key, s.arguments["value"], s.millis("ttl_ms"))
	case "delete":
		return memory.Delete(key)
	case "keys":
		return memory.KeysAfter(s.text("prefix"), s.text("after"), s.count("limit"))
	case "increment":
		return memory.Increment(key, s.number("by"))
	case "append":
		return memory.Append(key, s.arguments["value"])
	}
	return nil, warren.Reject("no step `working.%s`", what)
}

func content(item warren.Item) string { return item.Content }

func (s step) knowledge(what string) (any, error) {
	memory := s.ctx.Knowledge()
	switch what {
	case "remember":
		entry := warren.Entry{
			Content: s.text("content"), ExternalID: s.text("external_id"), Metadata: s.arguments["metadata"],
			Tags: s.texts("tags"),
		}
		return memory.Remember(entry)
	case "get":
		item, err := memory.Get(s.text("id"))
		return map[string]any{
			"content": item.Content, "metadata": item.Metadata, "tags": item.Tags, "external_id": null(item.ExternalID),
		}, err
	case "search":
		items, err := memory.Search(warren.Search{Text: s.text("text"), Limit: s.count("limit")})
		return each(items, content), err
	case "list":
		page, err := memory.List(warren.EntryFilter{Limit: s.count("limit")})
		return each(page.Items, content), err
	case "forget":
		return memory.Forget(s.text("id"))
	}
	return nil, warren.Reject("no step `knowledge.%s`", what)
}

var roles = map[string]warren.Role{
	"user": warren.RoleUser, "assistant": warren.RoleAssistant, "system": warren.RoleSystem, "tool": warren.RoleTool,
}

func (s step) episodes(what string) (any, error) {
	memory, role := s.ctx.Episodes(), roles[s.text("role")]
	filter := warren.EpisodeFilter{Role: role, Limit: s.count("limit")}
	var found []warren.Episode
	var err error
	switch what {
	case "add":
		return memory.Add(role, s.text("content"), s.arguments["metadata"])
	case "consolidate":
		return nil, memory.Consolidate(s.text("through"))
	case "recent":
		found, err = memory.Recent(filter)
	case "search":
		found, err = memory.Search(s.text("text"), filter)
	case "unconsolidated":
		found, err = memory.Unconsolidated(s.count("limit"))
	default:
		return nil, warren.Reject("no step `episodes.%s`", what)
	}
	return each(found, func(episode warren.Episode) string { return episode.Content }), err
}

var kinds = []string{"prompt", "rule", "skill"}

func (s step) procedures(what string) (any, error) {
	memory, name, version := s.ctx.Procedures(), s.text("name"), s.count("version")
	switch what {
	case "put":
		put := warren.NewProcedure{
			Name: name, Body: s.text("body"), Triggers: s.texts("triggers"), Metadata: s.arguments["metadata"],
		}
		for kind, word := range kinds {
			if word == s.text("kind") {
				put.Kind = warren.ProcedureKind(kind)
			}
		}
		return memory.Put(put)
	case "get":
		procedure, err := memory.GetVersion(name, version)
		return map[string]any{
			"body": procedure.Body, "version": procedure.Version, "kind": kinds[procedure.Kind],
		}, err
	case "activate":
		return nil, memory.Activate(name, version)
	case "roll-back":
		return memory.RollBack(name)
	case "match":
		found, err := memory.Matching(s.text("situation"), s.count("limit"))
		return each(found, func(procedure warren.Procedure) string { return procedure.Name }), err
	}
	return nil, warren.Reject("no step `procedures.%s`", what)
}

func (s step) registry(what string) (any, error) {
	registry, name := s.ctx.Registry(), s.text("name")
	switch what {
	case "find-agents":
		found, err := registry.FindAgents(warren.AgentQuery{Name: name})
		return each(found, func(agent warren.AgentInfo) string { return agent.Name }), err
	case "discover":
		found, err := registry.Discover(warren.CatalogQuery{Name: name})
		entries := []any{}
		for _, entry := range found {
			entries = append(entries, map[string]any{"name": entry.Name, "kind": entry.Kind, "hosted": entry.Hosted})
		}
		return entries, err
	case "get-agent":
		agent, err := registry.GetAgent(name)
		return map[string]any{"name": agent.Name, "kind": agent.Kind, "status": agent.Status}, err
	case "find-events":
		found, err := registry.FindEvents(warren.EventQuery{Type: s.text("type")})
		return each(found, func(event warren.EventInfo) string { return event.Type }), err
	case "get-schema":
		schema, err := registry.GetSchema(name, s.count("version"))
		return schema.Body, err
	case "validate":
		found, err := registry.Validate(s.text("schema"), s.arguments["value"])
		return each(found, func(violation warren.Violation) string { return violation.Pointer }), err
	}
	return nil, warren.Reject("no step `registry.%s`", what)
}

func (s step) end(how string) (any, error) {
	if until, there := s.arguments["until"].(float64); there && float64(s.event.Attempt) >= until {
		return nil, nil
	}
	switch how {
	case "reject":
		return nil, warren.Reject("%s", s.text("reason"))
	case "fail":
		return nil, errors.New(s.text("reason"))
	case "retry":
		return nil, warren.Retry(s.millis("after_ms"), "%s", s.text("reason"))
	case "trap":
		panic("as the script says")
	case "spin":
		for spins := 0; ; spins++ {
		}
	}
	return nil, warren.Reject("no step `end.%s`", how)
}
