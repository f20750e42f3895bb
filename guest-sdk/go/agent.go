package warren

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
)

// Kind is what sort of agent it is.
type Kind string

const (
	// KindAgent is no special sort; it is the default.
	KindAgent Kind = "agent"
	// KindTool answers a request in one turn and may be called inside another agent's turn.
	KindTool Kind = "tool"
	// KindWorker carries a task over several turns.
	KindWorker Kind = "worker"
	// KindPlanner drives a plan.
	KindPlanner Kind = "planner"
)

// Topic is what sort of thing an event says.
type Topic string

// The eight topics.
const (
	ActionRequests     Topic = "action-requests"
	ActionResults      Topic = "action-results"
	BusinessFacts      Topic = "business-facts"
	SystemEvents       Topic = "system-events"
	NotificationEvents Topic = "notification-events"
	BillingEvents      Topic = "billing-events"
	PlanEvents         Topic = "plan-events"
	TaskEvents         Topic = "task-events"
)

// Grant is a capability of the host that an agent asks for. What it does not ask for is denied.
type Grant string

// All grants. Publishing is asked for by Agent.Produces and by [Answer].
const (
	GrantPublish         Grant = "events:publish"
	GrantCall            Grant = "events:call"
	GrantRegistry        Grant = "registry:read"
	GrantWorkingRead     Grant = "working:read"
	GrantWorkingWrite    Grant = "working:write"
	GrantKnowledgeRead   Grant = "knowledge:read"
	GrantKnowledgeWrite  Grant = "knowledge:write"
	GrantEpisodesRead    Grant = "episodes:read"
	GrantEpisodesWrite   Grant = "episodes:write"
	GrantProceduresRead  Grant = "procedures:read"
	GrantProceduresWrite Grant = "procedures:write"
)

// Pairs of grants; append them with slices.Concat.
var (
	GrantWorking    = []Grant{GrantWorkingRead, GrantWorkingWrite}
	GrantKnowledge  = []Grant{GrantKnowledgeRead, GrantKnowledgeWrite}
	GrantEpisodes   = []Grant{GrantEpisodesRead, GrantEpisodesWrite}
	GrantProcedures = []Grant{GrantProceduresRead, GrantProceduresWrite}
)

// EventType names a type of event on a topic, with what a manifest may say about it.
type EventType struct {
	Topic       Topic           `json:"topic"`
	Type        string          `json:"type"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
}

// Capability is something that an agent can do, by a name that others look for.
type Capability struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// Tasks are the names of the tasks that it carries out.
	Tasks []string `json:"tasks,omitempty"`
	// Consumes are the types of the events that ask for it, of those that the agent handles.
	Consumes []string `json:"consumes,omitempty"`
	// Produces are the types of the events that answer, of those that the agent publishes.
	Produces []string `json:"produces,omitempty"`
}

// Settings say how turns are run; what is 0 is left to the host.
type Settings struct {
	// TimeoutMs is the wall clock of a turn, 1 to 300,000.
	TimeoutMs uint32 `json:"timeout_ms,omitempty"`
	// Concurrency is how many turns run at once, 1 to 256.
	Concurrency uint32 `json:"concurrency,omitempty"`
	// Attempts is how many there are at one event before it is a dead letter, 1 to 50.
	Attempts uint32 `json:"attempts,omitempty"`
}

// Agent is a declared agent. The manifest and the dispatch come from it.
type Agent struct {
	// Name is [a-z][a-z0-9-]*, at most 63 bytes.
	Name        string
	Kind        Kind
	Description string
	Version     string
	// Category is a shelf to find it on, Tags are words to find it by, Owner is a team or a person.
	Category string
	Tags     []string
	Owner    string
	Handlers []Handler
	// Produces lists what it publishes and asks for the grant to.
	Produces     []EventType
	Capabilities []Capability
	Grants       []Grant
	Settings     Settings
}

// Handler is a function for one type of event; made by [Handle], [HandleOn] and [Answer].
type Handler struct {
	// Event is what it handles; set its Description and Schema with [Handler.Describe].
	Event    EventType
	produces []EventType
	run      func(*Context, *Incoming) error
}

// Describe returns the handler with these words, and a JSON schema or nil, in the manifest.
func (h Handler) Describe(description string, schema json.RawMessage) Handler {
	h.Event.Description, h.Event.Schema = description, schema
	return h
}

// Handle makes a handler of action requests of this type.
//
// A payload that does not fit T is rejected before the handler: trying again cannot help.
func Handle[T any](eventType string, handler func(*Context, Event[T]) error) Handler {
	return HandleOn(ActionRequests, eventType, handler)
}

// HandleOn makes a handler of events of this type on this topic.
func HandleOn[T any](topic Topic, eventType string, handler func(*Context, Event[T]) error) Handler {
	run := func(ctx *Context, incoming *Incoming) error {
		event := Event[T]{Incoming: *incoming}
		if err := json.Unmarshal(incoming.JSON, &event.Data); err != nil {
			return Reject("the payload of `%s` does not fit: %w", incoming.Type, err)
		}
		return handler(ctx, event)
	}
	return Handler{Event: EventType{Topic: topic, Type: eventType}, run: run}
}

// Answer makes a handler of action requests of one type that are answered with what it returns, an action result of
// another type. A request that asks for no answer gets none. Asks for [GrantPublish].
func Answer[Q, A any](requestType, answerType string, handler func(*Context, Event[Q]) (A, error)) Handler {
	answering := Handle(requestType, func(ctx *Context, event Event[Q]) error {
		answer, err := handler(ctx, event)
		if err != nil {
			return err
		}
		return ctx.Answer(answer)
	})
	answering.produces = []EventType{{Topic: ActionResults, Type: answerType}}
	return answering
}

// Manifest is what the agent tells the host about itself, as JSON.
func (a *Agent) Manifest() string {
	type manifest struct {
		Name          string       `json:"name"`
		Kind          Kind         `json:"kind"`
		Description   string       `json:"description"`
		Version       string       `json:"version,omitempty"`
		Category      string       `json:"category,omitempty"`
		Tags          []string     `json:"tags,omitempty"`
		Owner         string       `json:"owner,omitempty"`
		Capabilities  []Capability `json:"capabilities,omitempty"`
		Subscriptions []EventType  `json:"subscriptions"`
		Produces      []EventType  `json:"produces,omitempty"`
		Grants        []Grant      `json:"grants"`
		Settings      Settings     `json:"settings"`
	}
	out := manifest{
		Name: a.Name, Kind: a.Kind, Description: a.Description, Version: a.Version, Category: a.Category, Tags: a.Tags,
		Owner: a.Owner, Capabilities: a.Capabilities,
		Subscriptions: []EventType{}, Grants: a.WantedGrants(), Settings: a.Settings,
	}
	if out.Kind == "" {
		out.Kind = KindAgent
	}
	for _, handler := range a.Handlers {
		out.Subscriptions = append(out.Subscriptions, handler.Event)
	}
	out.Produces = a.products()
	text, err := encode(out)
	if err != nil {
		// The host quotes what it refuses.
		return fmt.Sprintf("a schema of `%s` is not JSON: %v", a.Name, err)
	}
	return text
}

// WantedGrants lists the grants that the agent asks for, once each.
func (a *Agent) WantedGrants() []Grant {
	grants := []Grant{}
	seen := map[Grant]bool{}
	wanted := a.Grants
	if len(a.products()) > 0 {
		wanted = append([]Grant{GrantPublish}, wanted...)
	}
	for _, grant := range wanted {
		if !seen[grant] {
			seen[grant] = true
			grants = append(grants, grant)
		}
	}
	return grants
}

func (a *Agent) products() []EventType {
	var products []EventType
	for _, handler := range a.Handlers {
		products = append(products, handler.produces...)
	}
	return append(products, a.Produces...)
}

// Run runs the handler of an event. A panic is an error with its message and place; its stack goes to the agent's log.
func (a *Agent) Run(ctx *Context, event *Incoming) (err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panicked: %v%s", panicked, place())
			ctx.Error(err.Error(), "stack", string(debug.Stack()))
		}
	}()
	for _, handler := range a.Handlers {
		if handler.Event.Topic == event.Topic && handler.Event.Type == event.Type {
			return handler.run(ctx, event)
		}
	}
	return Reject("`%s` has no handler for `%s` on %s", a.Name, event.Type, event.Topic)
}

// framesMax is how far up from a panic its place is looked for.
const framesMax = 32

// place is where the code that panicked stands: the first frame below those of the panic itself.
func place() string {
	callers := make([]uintptr, framesMax)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	panicked := false
	for {
		frame, more := frames.Next()
		inside := strings.HasPrefix(frame.Function, "runtime.")
		if panicked && !inside {
			return fmt.Sprintf(" at %s:%d", path.Base(frame.File), frame.Line)
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return ""
		}
	}
}

// exported is the agent that this component is.
var exported *Agent

// Export makes an agent the one that this component is. Call it once, in an init function.
func Export(agent *Agent) { exported = agent }

var errNoAgent = errors.New("no agent: call warren.Export in an init function")
