package warren

import (
	"bytes"
	"encoding/json"
	"time"
)

// ReplyTo is where the answer to an event goes: the event that the asker waits for.
type ReplyTo struct {
	Topic Topic
	Type  string
}

// Field is a name and a value.
type Field struct {
	Name, Value string
}

// Incoming is an event as it arrives.
type Incoming struct {
	// JSON is the payload.
	JSON json.RawMessage
	// ID is unique in the tenant.
	ID string
	// Source is who published it: agent/<name> or client/<key name>.
	Source string
	// Type is what happened, for example order.placed.
	Type string
	// Topic is what sort of thing it says.
	Topic Topic
	// Time is when the host accepted it.
	Time string
	// Subject is what it is about, for example an order number.
	Subject string
	// Schema names the JSON schema that the payload follows.
	Schema string
	// Correlation is shared by a request and all that answers it.
	Correlation string
	// Trace is shared by everything that one first event set off.
	Trace string
	// Parent is the event in whose turn this one was published.
	Parent string
	// Session is the conversation.
	Session string
	// Goal is what is being pursued.
	Goal string
	// Plan is what this is part of. Working memory belongs to the plan where there is one.
	Plan string
	// Task is the one within the plan.
	Task string
	// Customer is the tenant's customer on whose behalf this happens.
	Customer string
	// User is the end user on whose behalf this happens. Memory is scoped by it.
	User string
	// ReplyTo is where [Context.Respond] sends its answer, if anybody waits.
	ReplyTo *ReplyTo
	// Attempt is 1 on the first delivery to this agent.
	Attempt uint32
	// Deadline is when this turn ends whether the agent is ready or not.
	Deadline string
	// Extensions are CloudEvents extension attributes.
	Extensions []Field
}

// Event is an event with its payload as a Go value.
type Event[T any] struct {
	Incoming
	Data T
}

// Draft is an event to publish. What is not set follows from the event being handled.
type Draft struct {
	Topic Topic
	Type  string
	// Data becomes JSON.
	Data        any
	Subject     string
	Schema      string
	Correlation string
	Session     string
	Goal        string
	Plan        string
	Task        string
	// ReplyTo asks for an answer.
	ReplyTo *ReplyTo
	// Extensions have names of 1 to 20 characters a-z0-9.
	Extensions []Field
	// After publishes it this much later, up to 49 days …
	After time.Duration
	// … and At at this instant.
	At string
}

// encode writes JSON as short as it gets: nobody puts it into HTML.
func encode(value any) (string, error) {
	if raw, ok := value.(json.RawMessage); ok {
		return string(raw), nil
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "", &Error{Code: BadJSON, Message: err.Error()}
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}

func decode(what string, text string, into any) error {
	if raw, ok := into.(*json.RawMessage); ok {
		*raw = json.RawMessage(text)
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return &Error{Code: BadJSON, Message: what + ": " + err.Error()}
	}
	return nil
}

// millis is a duration as the contract takes it.
func millis(what string, duration time.Duration) (uint32, error) {
	ms := duration.Milliseconds()
	if ms < 0 || ms > 1<<32-1 {
		return 0, &Error{Code: Invalid, Message: what + " of " + duration.String() + " is not between 0 and 49 days"}
	}
	return uint32(ms), nil
}
