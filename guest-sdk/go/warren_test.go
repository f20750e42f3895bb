package warren_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"warren.example/warren"
	"warren.example/warren/warrentest"
)

type seen struct {
	Page string `json:"page"`
}

type counted struct {
	Seen int64 `json:"seen"`
}

var counter = warren.Agent{
	Name:        "counter",
	Description: "Counts \"pages\" & more.",
	Category:    "statistics",
	Tags:        []string{"web"},
	Owner:       "office",
	Capabilities: []warren.Capability{
		{Name: "count", Description: "Counts.", Tasks: []string{"count"}, Consumes: []string{"page.seen"}, Produces: []string{"page.answered"}},
		{Name: "more"},
	},
	Handlers: []warren.Handler{
		warren.Answer("page.seen", "page.answered", count).Describe("A page was seen.", json.RawMessage(`{"type":"object"}`)),
		warren.HandleOn(warren.BusinessFacts, "fact.told", remember),
		warren.Handle("all.called", everything),
	},
	Produces: []warren.EventType{{Topic: warren.BusinessFacts, Type: "page.counted"}},
	Grants:   append(warren.GrantKnowledge, warren.GrantWorking...),
	Settings: warren.Settings{Attempts: 2},
}

func count(ctx *warren.Context, ev warren.Event[seen]) (counted, error) {
	number, err := ctx.Working().Count(ev.Data.Page)
	if err != nil {
		return counted{}, fmt.Errorf("counting: %w", err)
	}
	if _, err := ctx.Publish(warren.BusinessFacts, "page.counted", counted{number}); err != nil {
		return counted{}, err
	}
	if number == 3 {
		return counted{}, warren.Retry(250*time.Millisecond, "three is too many")
	}
	return counted{number}, nil
}

func remember(ctx *warren.Context, ev warren.Event[json.RawMessage]) error {
	id, err := ctx.Knowledge().Remember(warren.Entry{Content: string(ev.Data), Metadata: map[string]int{"n": 1}})
	if err != nil {
		return err
	}
	item, err := ctx.Knowledge().Get(id)
	if err != nil || string(item.Metadata) != `{"n":1}` {
		return fmt.Errorf("got %s, %w", item.Metadata, err)
	}
	hits, err := ctx.Knowledge().Search(warren.Search{Text: "blue whale"})
	if err != nil || len(hits) != 1 {
		return fmt.Errorf("%d hits, %w", len(hits), err)
	}
	return ctx.Episodes().Consolidate("epi_1")
}

func everything(ctx *warren.Context, _ warren.Event[any]) error {
	var list []int
	panic(list[len(ctx.Identity().Agent)])
}

func see(page string) *warren.Incoming { return warrentest.Request("page.seen", seen{page}) }

func TestTheManifestFollowsTheDeclaration(t *testing.T) {
	expect := `{"name":"counter","kind":"agent","description":"Counts \"pages\" & more.",` +
		`"category":"statistics","tags":["web"],"owner":"office","capabilities":[{"name":"count","description":"Counts.",` +
		`"tasks":["count"],"consumes":["page.seen"],"produces":["page.answered"]},{"name":"more","description":""}],` +
		`"subscriptions":[{"topic":"action-requests","type":"page.seen","description":"A page was seen.","schema":{"type":"object"}},` +
		`{"topic":"business-facts","type":"fact.told"},{"topic":"action-requests","type":"all.called"}],` +
		`"produces":[{"topic":"action-results","type":"page.answered"},{"topic":"business-facts","type":"page.counted"}],` +
		`"grants":["events:publish","knowledge:read","knowledge:write","working:read","working:write"],"settings":{"attempts":2}}`
	if got := counter.Manifest(); got != expect {
		t.Errorf("got  %s\nwant %s", got, expect)
	}
}

func TestEffectsAreKeptWhenATurnEndsWellAndGoneWhenNot(t *testing.T) {
	host := warrentest.New()
	for number := int64(1); number < 3; number++ {
		turn := host.Handle(&counter, see("home"))
		answer, ok := warrentest.Response[counted](turn)
		if turn.Err != nil || !ok || answer.Seen != number {
			t.Fatalf("%+v", turn)
		}
		if facts := warrentest.PublishedAs[counted](turn, "page.counted"); !reflect.DeepEqual(facts, []counted{{number}}) {
			t.Fatalf("%+v", facts)
		}
	}
	turn := host.Handle(&counter, see("home"))
	expect := warren.Outcome{Kind: warren.OutcomeRetry, After: 250 * time.Millisecond, Reason: "three is too many"}
	if turn.Outcome != expect || turn.Events != nil || turn.Response != nil {
		t.Errorf("%+v", turn)
	}
	if kept, _ := warrentest.Working[int](host, "home"); kept != 2 {
		t.Errorf("kept %d", kept)
	}
}

func TestErrorsKeepTheirVariant(t *testing.T) {
	host := warrentest.New()
	host.SetWorking("home", "text")
	err := host.Handle(&counter, see("home")).Err
	var refused *warren.Error
	if !errors.As(err, &refused) || refused.Code != warren.Conflict || !errors.Is(err, warren.Conflict) {
		t.Errorf("%v", err)
	}
	if err.Error() != "counting: conflict: the value is not a number" {
		t.Errorf("%v", err)
	}
	for code := warren.Denied; code <= warren.BadJSON; code++ {
		host := warrentest.New()
		host.FailCall, host.FailWith = 1, code
		turn := host.Handle(&counter, see("home"))
		passing := code == warren.Exhausted || code == warren.Unavailable
		if !errors.Is(turn.Err, code) || (turn.Outcome.Kind == warren.OutcomeRetry) != passing {
			t.Errorf("%v: %+v", code, turn)
		}
	}
}

func TestWhatGoesWrongIsTold(t *testing.T) {
	check := func(event *warren.Incoming, kind warren.OutcomeKind, reason string) {
		t.Helper()
		turn := warrentest.New().Handle(&counter, event)
		if turn.Outcome.Kind != kind || turn.Outcome.Reason != reason {
			t.Errorf("%+v", turn.Outcome)
		}
	}
	check(warrentest.Request("page.seen", []int{}), warren.OutcomeReject,
		"the payload of `page.seen` does not fit: json: cannot unmarshal array into Go value of type warren_test.seen")
	check(warrentest.Event(warren.PlanEvents, "page.seen", seen{}), warren.OutcomeReject,
		"`counter` has no handler for `page.seen` on plan-events")
	check(warrentest.Request("all.called", nil), warren.OutcomeFail,
		"panicked: runtime error: index out of range [7] with length 0 at warren_test.go:75")
	check(warrentest.Event(warren.BusinessFacts, "fact.told", "a whale is large"), warren.OutcomeFail,
		"denied: it takes the grant episodes:write")
}
