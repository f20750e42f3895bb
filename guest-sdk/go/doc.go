// Package warren is for writing Warren agents in Go.
//
// An agent handles one event at a time. What it writes and publishes while it does takes effect when its handler
// returns nil, all together, or not at all.
//
//	type Greet struct {
//		Name string `json:"name"`
//	}
//
//	type Greeting struct {
//		Text string `json:"text"`
//	}
//
//	var agent = warren.Agent{
//		Name:        "greeter",
//		Kind:        warren.KindTool,
//		Description: "Greets people.",
//		Handlers: []warren.Handler{
//			warren.Answer("greet.requested", "greeting.ready", greet),
//		},
//	}
//
//	func init() { warren.Export(&agent) }
//	func main() {}
//
//	func greet(ctx *warren.Context, ev warren.Event[Greet]) (Greeting, error) {
//		ctx.Info("greeting", "name", ev.Data.Name)
//		return Greeting{Text: "Hello, " + ev.Data.Name + "!"}, nil
//	}
//
// Payloads and values are what encoding/json makes of Go values; [json.RawMessage] stands for any JSON as it is.
// Instants are RFC 3339 strings in UTC; an empty string stands for "none". Limits and meanings are those of the
// contract in wit/.
//
// Test an agent natively, without WebAssembly and without a host, with the package warrentest.
package warren
