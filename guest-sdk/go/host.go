package warren

// Host is what a [Context] talks to: the contract in Go types, with JSON as text. In a component the generated
// bindings are behind it, in tests package warrentest. Agents have no use for it. Errors are *[Error].
type Host interface {
	Publish(draft *Draft, data string, afterMs uint32) (string, error)
	Respond(data string) (string, error)
	Call(eventType, data string, timeoutMs uint32) (string, error)

	WorkingGet(key string) (string, bool, error)
	WorkingPut(key, value string, ttlMs uint32) error
	WorkingDelete(key string) (bool, error)
	WorkingKeys(prefix, after string, limit uint32) ([]string, error)
	WorkingIncrement(key string, by float64) (float64, error)
	WorkingAppend(key, value string) (uint32, error)

	Remember(entry *Entry) (string, error)
	SearchKnowledge(search *Search) ([]Item, error)
	ListKnowledge(filter *EntryFilter) (Page, error)
	GetKnowledge(id string) (Item, error)
	Forget(id string) (bool, error)

	AddEpisode(role Role, content, metadata string) (string, error)
	RecentEpisodes(filter *EpisodeFilter) ([]Episode, error)
	SearchEpisodes(text string, filter *EpisodeFilter) ([]Episode, error)
	Unconsolidated(limit uint32) ([]Episode, error)
	Consolidate(through string) error

	PutProcedure(procedure *NewProcedure) (uint32, error)
	GetProcedure(name string, version uint32) (Procedure, error)
	ActivateProcedure(name string, version uint32) error
	RollBackProcedure(name string) (uint32, error)
	MatchProcedures(situation string, limit uint32) ([]Procedure, error)

	FindAgents(query *AgentQuery) ([]AgentInfo, error)
	Discover(query *CatalogQuery) ([]CatalogEntry, error)
	GetAgent(name string) (AgentInfo, error)
	FindEvents(query *EventQuery) ([]EventInfo, error)
	GetSchema(name string, version uint32) (Schema, error)
	Validate(schema, value string) ([]Violation, error)

	Who() Identity
	Remaining() Budget
	Cancelled() bool
	Config(key string) (string, bool, error)
	Log(level Level, message string, fields []Field)
	Now() string
	ElapsedMs() uint32
	Random(count uint32) ([]byte, error)
}
