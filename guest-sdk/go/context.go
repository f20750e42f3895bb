package warren

import (
	"fmt"
	"time"
)

// Context is what a handler may do. It is handed to every handler and is of no use after it.
//
// Nothing here keeps state of its own: what a turn writes and publishes is held by the host.
type Context struct {
	host Host
}

// NewContext makes a context over a host. Agents are given theirs; package warrentest makes them.
func NewContext(host Host) *Context { return &Context{host: host} }

// Publish publishes an event when this turn commits and returns the id it will have.
func (c *Context) Publish(topic Topic, eventType string, data any) (string, error) {
	return c.PublishDraft(Draft{Topic: topic, Type: eventType, Data: data})
}

// PublishDraft publishes an event that needs more than its payload: a delay, a session, an answer.
func (c *Context) PublishDraft(draft Draft) (string, error) {
	data, err := encode(draft.Data)
	if err != nil {
		return "", err
	}
	after, err := millis("a delay", draft.After)
	if err != nil {
		return "", err
	}
	return c.host.Publish(&draft, data, after)
}

// Respond answers the event being handled. It is [NotFound] if nobody waits and [Conflict] the second time in a turn.
func (c *Context) Respond(data any) (string, error) {
	text, err := encode(data)
	if err != nil {
		return "", err
	}
	return c.host.Respond(text)
}

// Answer answers the event being handled if anybody waits for it.
func (c *Context) Answer(data any) error {
	_, err := c.Respond(data)
	if e, ok := err.(*Error); ok && e.Code == NotFound {
		return nil
	}
	return err
}

// Call calls a tool agent inside this turn and waits for its answer.
//
// What the tool writes and publishes joins this turn, all or nothing. When it fails nothing of it remains, and this
// returns the reason.
func Call[A any](ctx *Context, requestType string, request any, timeout time.Duration) (answer A, err error) {
	data, err := encode(request)
	if err != nil {
		return answer, err
	}
	ms, err := millis("a timeout", timeout)
	if err != nil {
		return answer, err
	}
	text, err := ctx.host.Call(requestType, data, ms)
	if err != nil {
		return answer, err
	}
	return answer, decode("the answer to `"+requestType+"`", text, &answer)
}

// Working is working memory: what the work at hand has to keep in mind.
func (c *Context) Working() Working { return Working{c.host} }

// Knowledge is semantic memory: what is known, found again by meaning and by words.
func (c *Context) Knowledge() Knowledge { return Knowledge{c.host} }

// Episodes is episodic memory: what was said and done, in order, for this user.
func (c *Context) Episodes() Episodes { return Episodes{c.host} }

// Procedures is procedural memory: prompts, rules and skills of the tenant.
func (c *Context) Procedures() Procedures { return Procedures{c.host} }

// Registry is who can do what, in this tenant.
func (c *Context) Registry() Registry { return Registry{c.host} }

// Identity is who runs, and for whom.
type Identity struct {
	Agent  string
	Digest string
	// Turn is the same on every attempt at the same event, so it can name work done outside.
	Turn     string
	Attempt  uint32
	Customer string
	User     string
	// Depth is 0 in a turn of its own, more in nested calls.
	Depth uint32
}

// Budget is what is left of the turn.
type Budget struct {
	Time, CPU                              time.Duration
	HostCalls, Events, Writes, OutputBytes uint32
}

// Identity says who runs, and for whom.
func (c *Context) Identity() Identity { return c.host.Who() }

// Budget says what is left of this turn.
func (c *Context) Budget() Budget { return c.host.Remaining() }

// Cancelled says whether the host would like this turn to end.
func (c *Context) Cancelled() bool { return c.host.Cancelled() }

// Config is a configuration value that the tenant set for this agent, and whether there is one.
func (c *Context) Config(key string) (value string, ok bool, err error) { return c.host.Config(key) }

// Now is the wall clock, in milliseconds.
func (c *Context) Now() time.Time {
	now, err := time.Parse(time.RFC3339, c.host.Now())
	if err != nil {
		panic("the host's clock: " + err.Error())
	}
	return now
}

// Elapsed is how long this turn has run.
func (c *Context) Elapsed() time.Duration {
	return time.Duration(c.host.ElapsedMs()) * time.Millisecond
}

// RandomBytes are random bytes from the operating system, at most 65,536.
func (c *Context) RandomBytes(count uint32) ([]byte, error) { return c.host.Random(count) }

// Level is how much a line of the log matters.
type Level uint8

const (
	// LevelTrace is for whoever looks closely.
	LevelTrace Level = iota
	// LevelDebug is what was decided and why.
	LevelDebug
	// LevelInfo is what was done.
	LevelInfo
	// LevelWarn is what is odd but was dealt with.
	LevelWarn
	// LevelError is what went wrong.
	LevelError
)

// Log writes a line to the agent's log, kept with the turn. Arguments after the message are names and values in turn.
func (c *Context) Log(level Level, message string, namesAndValues ...any) {
	var fields []Field
	for i := 0; i < len(namesAndValues); i += 2 {
		field := Field{Name: fmt.Sprint(namesAndValues[i])}
		if i+1 < len(namesAndValues) {
			field.Value = fmt.Sprint(namesAndValues[i+1])
		}
		fields = append(fields, field)
	}
	c.host.Log(level, message, fields)
}

// Debug logs what was decided and why.
func (c *Context) Debug(message string, namesAndValues ...any) {
	c.Log(LevelDebug, message, namesAndValues...)
}

// Info logs what was done.
func (c *Context) Info(message string, namesAndValues ...any) {
	c.Log(LevelInfo, message, namesAndValues...)
}

// Warn logs what is odd but was dealt with.
func (c *Context) Warn(message string, namesAndValues ...any) {
	c.Log(LevelWarn, message, namesAndValues...)
}

// Error logs what went wrong.
func (c *Context) Error(message string, namesAndValues ...any) {
	c.Log(LevelError, message, namesAndValues...)
}

// object is metadata as JSON: an empty object if it is nil.
func object(metadata any) (string, error) {
	if metadata == nil {
		return "{}", nil
	}
	return encode(metadata)
}

// optionalObject is a filter by metadata as JSON: nothing if it is nil.
func optionalObject(metadata any) (string, error) {
	if metadata == nil {
		return "", nil
	}
	return encode(metadata)
}
