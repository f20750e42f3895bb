package warrentest

import (
	"encoding/json"
	"slices"
	"strings"

	"warren.example/warren"
)

// common counts the words of a query that are in a text.
func common(text, query string) (count int) {
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if strings.Contains(strings.ToLower(text), word) {
			count++
		}
	}
	return count
}

func (f *fake) Remember(entry *warren.Entry) (string, error) {
	if err := f.admit(warren.GrantKnowledgeWrite); err != nil {
		return "", err
	}
	if entry.Content == "" {
		return "", refuse(warren.Invalid, "content: 0 bytes, but at least 1 is needed")
	}
	item := warren.Item{
		ID: f.host.id("mem"), ExternalID: entry.ExternalID, Content: entry.Content,
		Metadata: json.RawMessage(entry.MetadataJSON()), Tags: entry.Tags, Source: entry.Source,
		Visibility: entry.Visibility, ValidFrom: entry.ValidFrom, ValidUntil: entry.ValidUntil, Writer: f.agent.Name,
		Turn: "trn_test", DerivedFrom: entry.DerivedFrom, Created: Now, Updated: Now, Score: 1,
	}
	for i, old := range f.host.world.knowledge {
		same := old.Content == entry.Content
		if entry.ExternalID != "" {
			same = old.ExternalID == entry.ExternalID
		}
		if same {
			item.ID = old.ID
			f.host.world.knowledge[i] = item
			return item.ID, nil
		}
	}
	f.host.world.knowledge = append(f.host.world.knowledge, item)
	return item.ID, nil
}

func (f *fake) SearchKnowledge(search *warren.Search) ([]warren.Item, error) {
	if err := f.admit(warren.GrantKnowledgeRead); err != nil {
		return nil, err
	}
	var hits []warren.Item
	for _, item := range f.host.world.knowledge {
		if common(item.Content, search.Text) > 0 && tagged(item, search.Tags) {
			hits = append(hits, item)
		}
	}
	slices.SortStableFunc(hits, func(left, right warren.Item) int {
		return common(right.Content, search.Text) - common(left.Content, search.Text)
	})
	return hits[:min(len(hits), int(search.Limit))], nil
}

func tagged(item warren.Item, tags []string) bool {
	for _, tag := range tags {
		if !slices.Contains(item.Tags, tag) {
			return false
		}
	}
	return true
}

func (f *fake) ListKnowledge(filter *warren.EntryFilter) (warren.Page, error) {
	if err := f.admit(warren.GrantKnowledgeRead); err != nil {
		return warren.Page{}, err
	}
	var page warren.Page
	for _, item := range slices.Backward(f.host.world.knowledge) {
		if tagged(item, filter.Tags) && len(page.Items) < int(filter.Limit) {
			page.Items = append(page.Items, item)
		}
	}
	return page, nil
}

func (f *fake) GetKnowledge(id string) (warren.Item, error) {
	if err := f.admit(warren.GrantKnowledgeRead); err != nil {
		return warren.Item{}, err
	}
	for _, item := range f.host.world.knowledge {
		if item.ID == id {
			return item, nil
		}
	}
	return warren.Item{}, refuse(warren.NotFound, "")
}

func (f *fake) Forget(id string) (bool, error) {
	if err := f.admit(warren.GrantKnowledgeWrite); err != nil {
		return false, err
	}
	before := len(f.host.world.knowledge)
	f.host.world.knowledge = slices.DeleteFunc(f.host.world.knowledge, func(item warren.Item) bool {
		return item.ID == id
	})
	return len(f.host.world.knowledge) < before, nil
}

func (f *fake) AddEpisode(role warren.Role, content, metadata string) (string, error) {
	if err := f.admit(warren.GrantEpisodesWrite); err != nil {
		return "", err
	}
	episode := warren.Episode{
		ID: f.host.id("epi"), Role: role, Content: content, Metadata: json.RawMessage(metadata),
		Session: f.event.Session, Time: Now,
	}
	f.host.world.episodes = append(f.host.world.episodes, episode)
	return episode.ID, nil
}

func (f *fake) RecentEpisodes(filter *warren.EpisodeFilter) ([]warren.Episode, error) {
	return f.recall("", filter)
}

func (f *fake) SearchEpisodes(text string, filter *warren.EpisodeFilter) ([]warren.Episode, error) {
	return f.recall(text, filter)
}

func (f *fake) recall(text string, filter *warren.EpisodeFilter) (found []warren.Episode, err error) {
	if err := f.admit(warren.GrantEpisodesRead); err != nil {
		return nil, err
	}
	for _, episode := range slices.Backward(f.host.world.episodes) {
		fits := (filter.Session == "" || episode.Session == filter.Session) &&
			(filter.Role == warren.RoleAny || episode.Role == filter.Role) &&
			(text == "" || common(episode.Content, text) > 0)
		if fits && len(found) < int(filter.Limit) {
			found = append(found, episode)
		}
	}
	return found, nil
}

func (f *fake) Unconsolidated(limit uint32) ([]warren.Episode, error) {
	if err := f.admit(warren.GrantEpisodesRead); err != nil {
		return nil, err
	}
	left := f.host.world.episodes[f.host.world.consolidated:]
	return slices.Clone(left[:min(len(left), int(limit))]), nil
}

func (f *fake) Consolidate(through string) error {
	if err := f.admit(warren.GrantEpisodesWrite); err != nil {
		return err
	}
	for i, episode := range f.host.world.episodes {
		if episode.ID == through {
			f.host.world.consolidated = max(f.host.world.consolidated, i+1)
			return nil
		}
	}
	return refuse(warren.NotFound, "")
}

func (f *fake) PutProcedure(procedure *warren.NewProcedure) (uint32, error) {
	if err := f.admit(warren.GrantProceduresWrite); err != nil {
		return 0, err
	}
	version := f.host.world.procedures[procedure.Name].Version + 1
	f.host.world.procedures[procedure.Name] = warren.Procedure{
		Name: procedure.Name, Version: version, Kind: procedure.Kind, Body: procedure.Body,
		Triggers: procedure.Triggers, Metadata: json.RawMessage(procedure.MetadataJSON()), Writer: f.agent.Name,
		Created: Now, Score: 1,
	}
	return version, nil
}

func (f *fake) GetProcedure(name string, version uint32) (warren.Procedure, error) {
	if err := f.admit(warren.GrantProceduresRead); err != nil {
		return warren.Procedure{}, err
	}
	procedure, ok := f.host.world.procedures[name]
	if !ok || (version != 0 && version != procedure.Version) {
		return warren.Procedure{}, refuse(warren.NotFound, "")
	}
	return procedure, nil
}

const oldVersions = "the host for tests keeps the newest version of a procedure only"

func (f *fake) ActivateProcedure(string, uint32) error {
	if err := f.admit(warren.GrantProceduresWrite); err != nil {
		return err
	}
	return refuse(warren.Unavailable, oldVersions)
}

func (f *fake) RollBackProcedure(string) (uint32, error) {
	if err := f.admit(warren.GrantProceduresWrite); err != nil {
		return 0, err
	}
	return 0, refuse(warren.Unavailable, oldVersions)
}

func (f *fake) MatchProcedures(situation string, limit uint32) (found []warren.Procedure, err error) {
	if err := f.admit(warren.GrantProceduresRead); err != nil {
		return nil, err
	}
	for _, procedure := range f.host.world.procedures {
		if common(strings.Join(procedure.Triggers, " "), situation) > 0 {
			found = append(found, procedure)
		}
	}
	slices.SortFunc(found, func(left, right warren.Procedure) int { return strings.Compare(left.Name, right.Name) })
	return found[:min(len(found), int(limit))], nil
}

func (f *fake) FindAgents(query *warren.AgentQuery) (found []warren.AgentInfo, err error) {
	if err := f.admit(warren.GrantRegistry); err != nil {
		return nil, err
	}
	for _, agent := range f.host.Agents {
		fits := strings.Contains(agent.Name, query.Name) && (query.Kind == "" || string(agent.Kind) == query.Kind) &&
			(query.Consumes == "" || handles(agent, query.Consumes))
		if fits && len(found) < int(query.Limit) {
			found = append(found, info(agent))
		}
	}
	return found, nil
}

func handles(agent *warren.Agent, eventType string) bool {
	return slices.ContainsFunc(agent.Handlers, func(handler warren.Handler) bool {
		return handler.Event.Type == eventType
	})
}

func info(agent *warren.Agent) warren.AgentInfo {
	return warren.AgentInfo{
		Name: agent.Name, Kind: string(agent.Kind), Description: agent.Description, Status: "active",
		Digest: "sha256:" + strings.Repeat("0", 64), Manifest: json.RawMessage(agent.Manifest()),
	}
}

func (f *fake) Discover(query *warren.CatalogQuery) (found []warren.CatalogEntry, err error) {
	if err := f.admit(warren.GrantRegistry); err != nil {
		return nil, err
	}
	for _, agent := range f.host.Agents {
		fits := strings.Contains(agent.Name, query.Name) && (query.Consumes == "" || handles(agent, query.Consumes)) &&
			(query.About == "" || common(agent.Name+" "+agent.Description, query.About) > 0)
		if fits && len(found) < int(query.Limit) {
			known := info(agent)
			found = append(found, warren.CatalogEntry{
				Name: known.Name, Kind: known.Kind, Hosted: true, State: known.Status, Description: known.Description,
				Brief: known.Name + ": " + known.Description, Definition: known.Manifest,
			})
		}
	}
	return found, nil
}

func (f *fake) GetAgent(name string) (warren.AgentInfo, error) {
	if err := f.admit(warren.GrantRegistry); err != nil {
		return warren.AgentInfo{}, err
	}
	for _, agent := range f.host.Agents {
		if agent.Name == name {
			return info(agent), nil
		}
	}
	return warren.AgentInfo{}, refuse(warren.NotFound, "")
}

func (f *fake) FindEvents(*warren.EventQuery) ([]warren.EventInfo, error) {
	return nil, f.admit(warren.GrantRegistry)
}

func (f *fake) GetSchema(string, uint32) (warren.Schema, error) {
	if err := f.admit(warren.GrantRegistry); err != nil {
		return warren.Schema{}, err
	}
	return warren.Schema{}, refuse(warren.NotFound, "")
}

func (f *fake) Validate(string, string) ([]warren.Violation, error) {
	if err := f.admit(warren.GrantRegistry); err != nil {
		return nil, err
	}
	return nil, refuse(warren.NotFound, "")
}
