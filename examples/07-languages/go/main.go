// Greets people and counts how often; ../README.md is what it is held to.
package main

import "warren.example/warren"

// Requested: somebody would like to be greeted.
type Requested struct {
	Name *string `json:"name"`
}

// Greeted: somebody was greeted.
type Greeted struct {
	Text  string `json:"text"`
	Count int64  `json:"count"`
}

var agent = warren.Agent{
	Name:        "hello",
	Description: "Greets people and counts how often.",
	Grants:      warren.GrantWorking,
	Handlers:    []warren.Handler{warren.Handle("hello.requested", greet), warren.Handle("hello.broken", goWrong)},
	Produces:    []warren.EventType{{Topic: warren.ActionResults, Type: "hello.greeted"}},
}

func init() { warren.Export(&agent) }

func main() {}

func greet(ctx *warren.Context, ev warren.Event[Requested]) error {
	if ev.Data.Name == nil {
		return warren.Reject("name: is missing")
	}
	name := *ev.Data.Name
	word, ok, err := ctx.Config("greeting")
	if err != nil {
		return err
	}
	if !ok {
		word = "Hello"
	}
	count, err := ctx.Working().Count("greeted/" + name)
	if err != nil {
		return err
	}
	ctx.Info("greeting "+name, "count", count)
	_, err = ctx.Publish(warren.ActionResults, "hello.greeted", Greeted{Text: word + ", " + name + "!", Count: count})
	return err
}

func goWrong(ctx *warren.Context, _ warren.Event[any]) error {
	if err := ctx.Working().Put("broken", true); err != nil {
		return err
	}
	panic("broken on purpose")
}
