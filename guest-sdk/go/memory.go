package warren

import (
	"encoding/json"
	"fmt"
	"time"
)

// Most keys that one call returns.
const keysMax = 1000

// Rows of a query that says no limit, and hits of a search that says none.
const (
	rowsDefault = 100
	hitsDefault = 10
)

// Largest whole number that a JSON number keeps exactly everywhere: 2^53.
const exactMax = 1 << 53

// Working is working memory: JSON values under string keys, of the plan of the event being handled, else of this
// agent.
//
// Reads see this turn's own writes. What was read is checked at commit; if it changed meanwhile, the turn runs again.
// So a read followed by a write never loses an update.
type Working struct{ host Host }

// Get reads a value into what `into` points to and says whether there is one.
func (w Working) Get(key string, into any) (bool, error) {
	text, ok, err := w.host.WorkingGet(key)
	if err != nil || !ok {
		return false, err
	}
	return true, decode("working memory `"+key+"`", text, into)
}

// Put sets a value. Keys are 1 to 512 bytes; values at most 256 KiB.
func (w Working) Put(key string, value any) error { return w.PutFor(key, value, 0) }

// PutFor sets a value that is forgotten this long after this call.
func (w Working) PutFor(key string, value any, ttl time.Duration) error {
	text, err := encode(value)
	if err != nil {
		return err
	}
	ms, err := millis("a time to live", ttl)
	if err != nil {
		return err
	}
	return w.host.WorkingPut(key, text, ms)
}

// Delete removes a value and says whether there was one.
func (w Working) Delete(key string) (bool, error) { return w.host.WorkingDelete(key) }

// Keys lists the first 1,000 keys that begin with a prefix, in byte order.
func (w Working) Keys(prefix string) ([]string, error) {
	return w.host.WorkingKeys(prefix, "", keysMax)
}

// KeysAfter lists keys that begin with a prefix, in byte order, after one, at most `limit`.
func (w Working) KeysAfter(prefix, after string, limit uint32) ([]string, error) {
	return w.host.WorkingKeys(prefix, after, limit)
}

// Increment adds to a number and returns the sum; a missing value counts as 0.
func (w Working) Increment(key string, by float64) (float64, error) {
	return w.host.WorkingIncrement(key, by)
}

// Count adds one to a whole number and returns it; [Conflict] if the value is none.
func (w Working) Count(key string) (int64, error) {
	sum, err := w.Increment(key, 1)
	if err != nil {
		return 0, err
	}
	if sum < 1 || sum > exactMax || sum != float64(int64(sum)) {
		return 0, &Error{Code: Conflict, Message: fmt.Sprintf("`%s` is %v, which is no count", key, sum-1)}
	}
	return int64(sum), nil
}

// Append appends to an array and returns its new length; a missing value counts as empty.
func (w Working) Append(key string, value any) (uint32, error) {
	text, err := encode(value)
	if err != nil {
		return 0, err
	}
	return w.host.WorkingAppend(key, text)
}

// Visibility is who finds an entry.
type Visibility uint8

const (
	// VisibleUser: the same user of the same customer.
	VisibleUser Visibility = iota
	// VisibleCustomer: every user of the same customer.
	VisibleCustomer
	// VisibleTenant: everybody in the tenant.
	VisibleTenant
)

// SearchMode is how to look.
type SearchMode uint8

const (
	// SearchHybrid is by words and meaning, ranks fused. The usual choice.
	SearchHybrid SearchMode = iota
	// SearchKeyword is by words only.
	SearchKeyword
	// SearchVector is by meaning only.
	SearchVector
)

// Entry is something to remember.
type Entry struct {
	Content string
	// ExternalID is your own name for it: remembering the same one again replaces it.
	ExternalID string
	// Metadata becomes a JSON object.
	Metadata     any
	Tags         []string
	Source       string
	Visibility   Visibility
	TTL          time.Duration
	ValidFrom    string
	ValidUntil   string
	Supersedes   string
	DerivedFrom  []string
	ChunkBytes   uint32
	metadataJSON string
}

// MetadataJSON is the metadata as JSON. For hosts.
func (e *Entry) MetadataJSON() string { return e.metadataJSON }

// Search is what to look for. All filters must match.
type Search struct {
	Text string
	Mode SearchMode
	// Limit is 1 to 100; 0 means 10.
	Limit  uint32
	Offset uint32
	Tags   []string
	Source string
	// Metadata filters by members of a JSON object.
	Metadata           any
	Since, Until, AsOf string
	MinScore           float64
	metadataJSON       string
}

// MetadataJSON is the filter as JSON, or empty. For hosts.
func (s *Search) MetadataJSON() string { return s.metadataJSON }

// EntryFilter says which entries to list. All that is given must match.
type EntryFilter struct {
	Tags                         []string
	Source                       string
	Metadata                     any
	Since, Until, AsOf, Document string
	// Limit is 1 to 100; 0 means 100.
	Limit        uint32
	After        string
	metadataJSON string
}

// MetadataJSON is the filter as JSON, or empty. For hosts.
func (f *EntryFilter) MetadataJSON() string { return f.metadataJSON }

// Part says which chunk of a document an entry is.
type Part struct {
	Document   string
	Number, Of uint32
}

// Item is an entry that was found or asked for.
type Item struct {
	ID, ExternalID, Content             string
	Metadata                            json.RawMessage
	Tags                                []string
	Source                              string
	Visibility                          Visibility
	ValidFrom, ValidUntil, SupersededBy string
	Part                                *Part
	Writer, Turn                        string
	DerivedFrom                         []string
	Created, Updated                    string
	Score                               float64
}

// Page is a page of a list; give Next as After for the next one.
type Page struct {
	Items []Item
	Next  string
}

// Knowledge is semantic memory of the customer and user of the event being handled.
type Knowledge struct{ host Host }

// Remember remembers an entry and returns its id.
func (k Knowledge) Remember(entry Entry) (id string, err error) {
	if entry.metadataJSON, err = object(entry.Metadata); err != nil {
		return "", err
	}
	return k.host.Remember(&entry)
}

// Search returns the best hits first.
func (k Knowledge) Search(search Search) (items []Item, err error) {
	if search.metadataJSON, err = optionalObject(search.Metadata); err != nil {
		return nil, err
	}
	if search.Limit == 0 {
		search.Limit = hitsDefault
	}
	return k.host.SearchKnowledge(&search)
}

// List lists entries; what was first remembered last comes first.
func (k Knowledge) List(filter EntryFilter) (page Page, err error) {
	if filter.metadataJSON, err = optionalObject(filter.Metadata); err != nil {
		return Page{}, err
	}
	if filter.Limit == 0 {
		filter.Limit = rowsDefault
	}
	return k.host.ListKnowledge(&filter)
}

// Get is the entry of this id, true or not.
func (k Knowledge) Get(id string) (Item, error) { return k.host.GetKnowledge(id) }

// Forget forgets an entry and says whether there was one.
func (k Knowledge) Forget(id string) (bool, error) { return k.host.Forget(id) }

// Role is who spoke or acted.
type Role uint8

const (
	// RoleAny is everybody, in a filter.
	RoleAny Role = iota
	// RoleUser is the user.
	RoleUser
	// RoleAssistant is the agent.
	RoleAssistant
	// RoleSystem is the system.
	RoleSystem
	// RoleTool is a tool.
	RoleTool
)

// Episode is one thing that was said or done.
type Episode struct {
	ID       string
	Role     Role
	Content  string
	Metadata json.RawMessage
	Session  string
	Time     string
}

// EpisodeFilter says which episodes. All that is given must match.
type EpisodeFilter struct {
	Session      string
	Role         Role
	Since, Until string
	// Limit is 1 to 100; 0 means 100.
	Limit  uint32
	Before string
}

func (f EpisodeFilter) limited() *EpisodeFilter {
	if f.Limit == 0 {
		f.Limit = rowsDefault
	}
	return &f
}

// Episodes is episodic memory: this agent's, of the user of the event being handled.
type Episodes struct{ host Host }

// Add adds an episode to the session of the event being handled. Metadata becomes a JSON object, or is nil.
func (e Episodes) Add(role Role, content string, metadata any) (id string, err error) {
	text, err := object(metadata)
	if err != nil {
		return "", err
	}
	return e.host.AddEpisode(role, content, text)
}

// Recent lists episodes, the newest first.
func (e Episodes) Recent(filter EpisodeFilter) ([]Episode, error) {
	return e.host.RecentEpisodes(filter.limited())
}

// Search finds episodes by words, the best first.
func (e Episodes) Search(text string, filter EpisodeFilter) ([]Episode, error) {
	return e.host.SearchEpisodes(text, filter.limited())
}

// Unconsolidated lists episodes that nobody has made into knowledge yet, the oldest first.
func (e Episodes) Unconsolidated(limit uint32) ([]Episode, error) {
	return e.host.Unconsolidated(limit)
}

// Consolidate says that episodes up to the one of this id are consolidated.
func (e Episodes) Consolidate(through string) error { return e.host.Consolidate(through) }

// ProcedureKind is what sort of procedure it is.
type ProcedureKind uint8

const (
	// ProcedurePrompt is text for a language model.
	ProcedurePrompt ProcedureKind = iota
	// ProcedureRule is a rule to follow.
	ProcedureRule
	// ProcedureSkill is a way to do something.
	ProcedureSkill
)

// NewProcedure is a procedure to keep.
type NewProcedure struct {
	Name         string
	Kind         ProcedureKind
	Body         string
	Triggers     []string
	Metadata     any
	metadataJSON string
}

// MetadataJSON is the metadata as JSON. For hosts.
func (p *NewProcedure) MetadataJSON() string { return p.metadataJSON }

// Procedure is a version of a procedure.
type Procedure struct {
	Name            string
	Version         uint32
	Kind            ProcedureKind
	Body            string
	Triggers        []string
	Metadata        json.RawMessage
	Writer, Created string
	Score           float64
}

// Procedures is procedural memory of the tenant.
type Procedures struct{ host Host }

// Put keeps a new version, makes it the current one and returns its number.
func (p Procedures) Put(procedure NewProcedure) (version uint32, err error) {
	if procedure.metadataJSON, err = object(procedure.Metadata); err != nil {
		return 0, err
	}
	return p.host.PutProcedure(&procedure)
}

// Get is the current version.
func (p Procedures) Get(name string) (Procedure, error) { return p.host.GetProcedure(name, 0) }

// GetVersion is this version.
func (p Procedures) GetVersion(name string, version uint32) (Procedure, error) {
	return p.host.GetProcedure(name, version)
}

// Activate makes a version current that is there already.
func (p Procedures) Activate(name string, version uint32) error {
	return p.host.ActivateProcedure(name, version)
}

// RollBack makes the version current that was so before the one that is, and returns its number.
func (p Procedures) RollBack(name string) (uint32, error) { return p.host.RollBackProcedure(name) }

// Matching lists current procedures whose triggers fit a situation, the best first; limit is 1 to 50.
func (p Procedures) Matching(situation string, limit uint32) ([]Procedure, error) {
	return p.host.MatchProcedures(situation, limit)
}
