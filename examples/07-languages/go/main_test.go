package main

import (
	"reflect"
	"strings"
	"testing"

	"warren.example/warren"
	"warren.example/warren/warrentest"
)

func request(data any) *warren.Incoming { return warrentest.Request("hello.requested", data) }

func greeted(turn *warrentest.Turn) []Greeted {
	return warrentest.PublishedAs[Greeted](turn, "hello.greeted")
}

func TestGreetingsAreCountedByName(t *testing.T) {
	host := warrentest.New()
	host.SetWorking("greeted/Ada", 1)
	turn := host.Handle(&agent, request(map[string]string{"name": "Ada"}))
	if got := greeted(turn); !reflect.DeepEqual(got, []Greeted{{"Hello, Ada!", 2}}) || turn.HostCalls != 4 {
		t.Errorf("%+v", turn)
	}
	line := warrentest.LogLine{
		Level: warren.LevelInfo, Message: "greeting Ada", Fields: []warren.Field{{Name: "count", Value: "2"}},
	}
	if !reflect.DeepEqual(turn.Log, []warrentest.LogLine{line}) {
		t.Errorf("%+v", turn.Log)
	}
}

func TestTheWordToGreetWithIsASetting(t *testing.T) {
	host := warrentest.New()
	host.Config["greeting"] = "Ahoy"
	if got := greeted(host.Handle(&agent, request(map[string]string{"name": "Alan"}))); got[0].Text != "Ahoy, Alan!" {
		t.Errorf("%+v", got)
	}
}

func TestNobodyIsNotGreeted(t *testing.T) {
	for _, data := range []any{struct{}{}, map[string]int{"name": 1}, nil} {
		outcome := warrentest.New().Handle(&agent, request(data)).Outcome
		if outcome.Kind != warren.OutcomeReject || !strings.Contains(outcome.Reason, "name") {
			t.Errorf("%+v", outcome)
		}
	}
}

func TestNothingIsLeftOfWhatWentWrong(t *testing.T) {
	host := warrentest.New()
	turn := host.Handle(&agent, warrentest.Request("hello.broken", struct{}{}))
	if turn.Outcome.Kind != warren.OutcomeFail || !strings.Contains(turn.Outcome.Reason, "broken on purpose") {
		t.Errorf("%+v", turn.Outcome)
	}
	if _, ok := warrentest.Working[bool](host, "broken"); ok {
		t.Error("it is in memory")
	}
	if stack := turn.Log[0].Fields[0].Value; !strings.Contains(stack, "main.go") {
		t.Error(stack)
	}
}
