// Package export_wit_world is where the generated exports lead: to the package warren, which they cannot import.
package export_wit_world

import (
	"warren.example/warren/internal/bindings/imports/warren_agent_types"
	witTypes "warren.example/warren/internal/wit/types"
)

var (
	// DescribeAgent is the export describe.
	DescribeAgent func() string
	// HandleEvent is the export handle.
	HandleEvent func(warren_agent_types.Event) witTypes.Result[witTypes.Unit, warren_agent_types.Failure]
)

// Describe is what the generated export calls.
func Describe() string { return DescribeAgent() }

// Handle is what the generated export calls.
func Handle(event warren_agent_types.Event) witTypes.Result[witTypes.Unit, warren_agent_types.Failure] {
	return HandleEvent(event)
}
