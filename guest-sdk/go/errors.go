package warren

import (
	"errors"
	"fmt"
	"time"
)

// Code says why a host function did not do what was asked. Nothing was done then, and the turn may go on.
//
// Codes are errors, so that errors.Is(err, warren.NotFound) holds for any *[Error] with the code.
type Code uint8

const (
	// Denied: the agent was not granted this. The message names the grant it would take.
	Denied Code = iota + 1
	// NotFound: there is nothing of that name.
	NotFound
	// Invalid: the input cannot be used. The message names the field, the value and the rule.
	Invalid
	// Conflict: it contradicts what is there. The message says how.
	Conflict
	// Exhausted: a limit would be passed. The message names the limit, its value and what was asked.
	Exhausted
	// Unavailable: it cannot be done right now; the same call may work later.
	Unavailable
	// Other is anything else that the host has to say.
	Other
	// BadJSON: a value is not JSON of the type that the code expects; made here, not by the host.
	BadJSON
)

var codes = [...]string{"", "denied", "not found", "invalid", "conflict", "exhausted", "unavailable", "other", "json"}

// Error is the word of the code.
func (c Code) Error() string {
	if int(c) < len(codes) {
		return codes[c]
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// Error is what a host function answers when it does not do what was asked.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string {
	switch {
	case e.Code == NotFound || e.Message == "":
		return e.Code.Error()
	case e.Code == Other:
		return e.Message
	}
	return e.Code.Error() + ": " + e.Message
}

// Is makes errors.Is(err, warren.NotFound) work.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Failure ends a turn in another way than "try again with back-off, then to the dead letters", which is what every
// other error does. Made by [Retry] and [Reject].
type Failure struct {
	// Rejected events go to the dead letters at once; others are tried again.
	Rejected bool
	// After is how long to wait before the next attempt; 0 leaves it to the host.
	After time.Duration
	// Err is the reason.
	Err error
}

func (f *Failure) Error() string {
	if f.Rejected {
		return "rejected: " + f.Err.Error()
	}
	return "retry: " + f.Err.Error()
}

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.Err }

// Reject makes the error of an event that can never work: it becomes a dead letter at once. The arguments are those
// of [fmt.Errorf].
func Reject(format string, args ...any) error {
	return &Failure{Rejected: true, Err: fmt.Errorf(format, args...)}
}

// Retry makes the error of a turn to try again after this long, or, if that is 0, when the host says so. The
// arguments are those of [fmt.Errorf].
func Retry(after time.Duration, format string, args ...any) error {
	return &Failure{After: after, Err: fmt.Errorf(format, args...)}
}

// Settle says how the host is told about a handler's error: what may pass by itself is tried again.
func Settle(err error) (outcome Outcome) {
	if err == nil {
		return Outcome{}
	}
	var failure *Failure
	if errors.As(err, &failure) {
		if failure.Rejected {
			return Outcome{Kind: OutcomeReject, Reason: failure.Err.Error()}
		}
		return Outcome{Kind: OutcomeRetry, After: failure.After, Reason: failure.Err.Error()}
	}
	if errors.Is(err, Exhausted) || errors.Is(err, Unavailable) {
		return Outcome{Kind: OutcomeRetry, Reason: err.Error()}
	}
	return Outcome{Kind: OutcomeFail, Reason: err.Error()}
}

// OutcomeKind says how a turn ended.
type OutcomeKind uint8

const (
	// OutcomeOk: well; its effects are kept.
	OutcomeOk OutcomeKind = iota
	// OutcomeRetry: it is tried again.
	OutcomeRetry
	// OutcomeReject: the event is a dead letter.
	OutcomeReject
	// OutcomeFail: tried again with back-off, then a dead letter.
	OutcomeFail
)

// Outcome is how a turn ended, in the words of the contract.
type Outcome struct {
	Kind   OutcomeKind
	After  time.Duration
	Reason string
}
