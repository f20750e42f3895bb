// Package warrentest runs agents natively, without WebAssembly and without a host.
//
//	turn := warrentest.New().Handle(&agent, warrentest.Request("greet.requested", Greet{Name: "Ada"}))
//	if turn.Err != nil { … }
//	greeting, ok := warrentest.Response[Greeting](turn)
//
// What a turn wrote is kept when its handler returns nil and gone when it does not, as on the real host; an agent has
// the grants that it asks for and no others, so a test shows a forgotten one. What is simpler: times to live do not
// pass, events published for later are only recorded, searches count common words, payloads are not checked against
// schemas, and only the newest version of a procedure is kept.
package warrentest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"warren.example/warren"
)

// Now is what the clock of the host shows. It stands still.
const Now = "2026-01-01T00:00:00.000Z"

// Host keeps memory from turn to turn and records what each turn does. Make one with [New].
type Host struct {
	// Answers to calls, by the type of the request; values become JSON.
	Answers map[string]any
	// Config of the agent.
	Config map[string]string
	// Denied grants, whatever the agent asks for.
	Denied []warren.Grant
	// FailCall refuses this host call of each turn, counted from 1, with FailWith.
	FailCall int
	FailWith warren.Code
	// Cancelled is what agents are told.
	Cancelled bool
	// Agents are what the registry knows.
	Agents []*warren.Agent

	world world
	made  int
}

// world is what turns change.
type world struct {
	working    map[string]json.RawMessage
	knowledge  []warren.Item
	episodes   []warren.Episode
	procedures map[string]warren.Procedure
	// consolidated is how many episodes are.
	consolidated int
}

func (w world) clone() world {
	w.working = maps.Clone(w.working)
	w.knowledge = slices.Clone(w.knowledge)
	w.episodes = slices.Clone(w.episodes)
	w.procedures = maps.Clone(w.procedures)
	return w
}

// New makes a host with empty memory.
func New() *Host {
	return &Host{
		Answers: map[string]any{}, Config: map[string]string{},
		world: world{working: map[string]json.RawMessage{}, procedures: map[string]warren.Procedure{}},
	}
}

// Published is an event that a turn published.
type Published struct {
	warren.Draft
	// JSON is its payload.
	JSON json.RawMessage
}

// LogLine is a line of an agent's log.
type LogLine struct {
	Level   warren.Level
	Message string
	Fields  []warren.Field
}

// Turn is what one turn did. Of one that failed only its error, its log and its host calls are left.
type Turn struct {
	// Err is what the handler returned.
	Err error
	// Outcome is what the host makes of it.
	Outcome warren.Outcome
	// Events in order, the response not among them.
	Events []Published
	// Response is nil if there was none.
	Response json.RawMessage
	Log      []LogLine
	// HostCalls is how many host functions were called.
	HostCalls int
}

// Request is an action request as it would come from outside, from somebody who waits for an answer.
func Request(eventType string, data any) *warren.Incoming {
	event := Event(warren.ActionRequests, eventType, data)
	event.ReplyTo = &warren.ReplyTo{Topic: warren.ActionResults, Type: eventType + ".answered"}
	return event
}

// Event is any event as it would come from outside; set more of its fields where a test needs them.
func Event(topic warren.Topic, eventType string, data any) *warren.Incoming {
	return &warren.Incoming{
		JSON: marshal(data), ID: "evt_test", Source: "client/test", Type: eventType, Topic: topic, Time: Now,
		Correlation: "evt_test", Trace: "evt_test", Attempt: 1, Deadline: "2026-01-01T00:00:30.000Z",
	}
}

// Handle runs one turn.
func (h *Host) Handle(agent *warren.Agent, event *warren.Incoming) *Turn {
	before := h.world.clone()
	turn := &Turn{}
	backend := &fake{host: h, agent: agent, event: event, turn: turn}
	turn.Err = agent.Run(warren.NewContext(backend), event)
	turn.Outcome = warren.Settle(turn.Err)
	if turn.Err != nil {
		h.world = before
		turn.Events, turn.Response = nil, nil
	}
	return turn
}

// Response is what was responded, and whether anything was. It panics if that is no T.
func Response[T any](turn *Turn) (response T, ok bool) {
	if turn.Response == nil {
		return response, false
	}
	unmarshal(turn.Response, &response)
	return response, true
}

// PublishedAs is the payloads of the published events of a type. It panics if one is no T.
func PublishedAs[T any](turn *Turn, eventType string) []T {
	var payloads []T
	for _, event := range turn.Events {
		if event.Type == eventType {
			var payload T
			unmarshal(event.JSON, &payload)
			payloads = append(payloads, payload)
		}
	}
	return payloads
}

// Working is a value of working memory outside any plan, and whether there is one. It panics if that is no T.
func Working[T any](host *Host, key string) (value T, ok bool) {
	text, ok := host.world.working["/"+key]
	if ok {
		unmarshal(text, &value)
	}
	return value, ok
}

// SetWorking sets a value of working memory outside any plan.
func (h *Host) SetWorking(key string, value any) { h.world.working["/"+key] = marshal(value) }

func (h *Host) id(prefix string) string {
	h.made++
	return fmt.Sprintf("%s_%d", prefix, h.made)
}

func marshal(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic("a test's value can be written as JSON: " + err.Error())
	}
	return text
}

func unmarshal(text json.RawMessage, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		panic(fmt.Sprintf("%s is not what the test expects: %v", text, err))
	}
}

// budget is what is left of every turn.
var budget = warren.Budget{
	Time: 30 * time.Second, CPU: 10 * time.Second, HostCalls: 1000, Events: 64, Writes: 256, OutputBytes: 1 << 20,
}
