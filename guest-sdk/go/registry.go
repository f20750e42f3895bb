package warren

import "encoding/json"

// AgentQuery says which agents to look for. All that is given must match.
type AgentQuery struct {
	Name, Kind, Consumes, Produces, Capability, Text string
	// Limit is 1 to 100; 0 means 100.
	Limit uint32
	After string
}

// AgentInfo is an agent as the registry knows it.
type AgentInfo struct {
	Name, Kind, Description, Status, Digest string
	Manifest                                json.RawMessage
}

// CatalogQuery says which entries of the catalogue to look for. All that is given must match.
type CatalogQuery struct {
	// ID is the name, or name:version.
	ID string
	// Name is part of the name, in any case.
	Name, Kind, Category string
	// Tags must all be there.
	Tags                                                     []string
	Capability, Task, Consumes, Produces, Owner, State, Text string
	// About is a question in plain words: what answers it best comes first, and what does not is left out.
	About string
	// Hosted leaves only agents of this host, or only what lives elsewhere.
	Hosted *bool
	// IncludeExpired asks for those that are offline too.
	IncludeExpired bool
	// Limit is 1 to 100; 0 means 100.
	Limit uint32
	After string
}

// CatalogEntry is an agent of this host, or a service that lives elsewhere.
type CatalogEntry struct {
	Name, Kind                     string
	Hosted                         bool
	State, Owner, Description, URL string
	// Score is 0 to 1 if a question was asked, else 0.
	Score float64
	// Brief is it in a few lines for a language model.
	Brief      string
	Definition json.RawMessage
}

// EventQuery says which event types to look for. All that is given must match.
type EventQuery struct {
	Type  string
	Topic Topic
	Text  string
	// Actionable leaves those that some active agent consumes.
	Actionable bool
	// Limit is 1 to 100; 0 means 100.
	Limit uint32
	After string
}

// EventInfo is an event type that somebody declared.
type EventInfo struct {
	Type, Topic, Description, Schema string
	Actionable                       bool
	Consumers, Producers             []string
}

// Schema is a JSON schema under a name and a version.
type Schema struct {
	Name    string
	Version uint32
	Body    json.RawMessage
}

// Violation is where and why a value breaks a schema.
type Violation struct {
	// Pointer is a JSON pointer into the value.
	Pointer string
	Message string
}

// Registry is who can do what, in this tenant.
type Registry struct{ host Host }

// FindAgents lists agents that match, by name.
func (r Registry) FindAgents(query AgentQuery) ([]AgentInfo, error) {
	if query.Limit == 0 {
		query.Limit = rowsDefault
	}
	return r.host.FindAgents(&query)
}

// Discover lists agents and services that match: by name, or the best first if a question is asked.
func (r Registry) Discover(query CatalogQuery) ([]CatalogEntry, error) {
	if query.Limit == 0 {
		query.Limit = rowsDefault
	}
	return r.host.Discover(&query)
}

// GetAgent is the agent of this name.
func (r Registry) GetAgent(name string) (AgentInfo, error) { return r.host.GetAgent(name) }

// FindEvents lists event types that match, by name.
func (r Registry) FindEvents(query EventQuery) ([]EventInfo, error) {
	if query.Limit == 0 {
		query.Limit = rowsDefault
	}
	return r.host.FindEvents(&query)
}

// GetSchema is a registered schema: this version, or the latest if it is 0.
func (r Registry) GetSchema(name string, version uint32) (Schema, error) {
	return r.host.GetSchema(name, version)
}

// Validate checks a value against the latest version of a registered schema. Empty when it fits; at most 32.
func (r Registry) Validate(schema string, value any) ([]Violation, error) {
	text, err := encode(value)
	if err != nil {
		return nil, err
	}
	return r.host.Validate(schema, text)
}
