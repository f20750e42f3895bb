package warrentest

import (
	"encoding/json"
	"slices"
	"strings"

	"warren.example/warren"
)

// fake is the host as one turn sees it.
type fake struct {
	host  *Host
	agent *warren.Agent
	event *warren.Incoming
	turn  *Turn
}

// admit counts a call and says whether it may go on: it has its grant, and no test wants it to fail.
func (f *fake) admit(grants ...warren.Grant) error {
	f.turn.HostCalls++
	if f.turn.HostCalls == f.host.FailCall {
		return refuse(f.host.FailWith, "the test wants this call to fail")
	}
	for _, grant := range grants {
		if !slices.Contains(f.agent.WantedGrants(), grant) || slices.Contains(f.host.Denied, grant) {
			return refuse(warren.Denied, "it takes the grant "+string(grant))
		}
	}
	return nil
}

func refuse(code warren.Code, message string) error {
	return &warren.Error{Code: code, Message: message}
}

func (f *fake) Publish(draft *warren.Draft, data string, _ uint32) (string, error) {
	if err := f.admit(warren.GrantPublish); err != nil {
		return "", err
	}
	event := Published{Draft: *draft, JSON: json.RawMessage(data)}
	if event.Plan == "" {
		event.Plan = f.event.Plan
	}
	if event.Session == "" {
		event.Session = f.event.Session
	}
	f.turn.Events = append(f.turn.Events, event)
	return f.host.id("evt"), nil
}

func (f *fake) Respond(data string) (string, error) {
	if err := f.admit(warren.GrantPublish); err != nil {
		return "", err
	}
	if f.event.ReplyTo == nil {
		return "", refuse(warren.NotFound, "")
	}
	if f.turn.Response != nil {
		return "", refuse(warren.Conflict, "this turn has responded already")
	}
	f.turn.Response = json.RawMessage(data)
	return f.host.id("evt"), nil
}

func (f *fake) Call(eventType, _ string, _ uint32) (string, error) {
	if err := f.admit(warren.GrantCall); err != nil {
		return "", err
	}
	answer, ok := f.host.Answers[eventType]
	if !ok {
		return "", refuse(warren.NotFound, "")
	}
	return string(marshal(answer)), nil
}

// at is where a key of working memory is kept: in the plan of the event, else in the agent.
func (f *fake) at(key string) string { return f.event.Plan + "/" + key }

func (f *fake) WorkingGet(key string) (string, bool, error) {
	if err := f.admit(warren.GrantWorkingRead); err != nil {
		return "", false, err
	}
	value, ok := f.host.world.working[f.at(key)]
	return string(value), ok, nil
}

func (f *fake) WorkingPut(key, value string, _ uint32) error {
	if err := f.admit(warren.GrantWorkingWrite); err != nil {
		return err
	}
	if key == "" {
		return refuse(warren.Invalid, "key: 0 bytes, but 1 to 512 are allowed")
	}
	f.host.world.working[f.at(key)] = json.RawMessage(value)
	return nil
}

func (f *fake) WorkingDelete(key string) (bool, error) {
	if err := f.admit(warren.GrantWorkingWrite); err != nil {
		return false, err
	}
	_, ok := f.host.world.working[f.at(key)]
	delete(f.host.world.working, f.at(key))
	return ok, nil
}

func (f *fake) WorkingKeys(prefix, after string, limit uint32) ([]string, error) {
	if err := f.admit(warren.GrantWorkingRead); err != nil {
		return nil, err
	}
	keys := []string{}
	for at := range f.host.world.working {
		key, ok := strings.CutPrefix(at, f.at(""))
		if ok && strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys[:min(len(keys), int(limit))], nil
}

func (f *fake) WorkingIncrement(key string, by float64) (float64, error) {
	if err := f.admit(warren.GrantWorkingRead, warren.GrantWorkingWrite); err != nil {
		return 0, err
	}
	number := 0.0
	if value, ok := f.host.world.working[f.at(key)]; ok {
		if err := json.Unmarshal(value, &number); err != nil {
			return 0, refuse(warren.Conflict, "the value is not a number")
		}
	}
	f.host.world.working[f.at(key)] = marshal(number + by)
	return number + by, nil
}

func (f *fake) WorkingAppend(key, value string) (uint32, error) {
	if err := f.admit(warren.GrantWorkingRead, warren.GrantWorkingWrite); err != nil {
		return 0, err
	}
	var list []json.RawMessage
	if old, ok := f.host.world.working[f.at(key)]; ok {
		if err := json.Unmarshal(old, &list); err != nil {
			return 0, refuse(warren.Conflict, "the value is not an array")
		}
	}
	list = append(list, json.RawMessage(value))
	f.host.world.working[f.at(key)] = marshal(list)
	return uint32(len(list)), nil
}

func (f *fake) Who() warren.Identity {
	f.turn.HostCalls++
	return warren.Identity{
		Agent: f.agent.Name, Digest: "sha256:" + strings.Repeat("0", 64), Turn: "trn_test", Attempt: f.event.Attempt,
		Customer: f.event.Customer, User: f.event.User,
	}
}

func (f *fake) Remaining() warren.Budget {
	f.turn.HostCalls++
	return budget
}

func (f *fake) Cancelled() bool {
	f.turn.HostCalls++
	return f.host.Cancelled
}

func (f *fake) Config(key string) (string, bool, error) {
	if err := f.admit(); err != nil {
		return "", false, err
	}
	value, ok := f.host.Config[key]
	return value, ok, nil
}

func (f *fake) Log(level warren.Level, message string, fields []warren.Field) {
	f.turn.HostCalls++
	f.turn.Log = append(f.turn.Log, LogLine{Level: level, Message: message, Fields: fields})
}

func (f *fake) Now() string {
	f.turn.HostCalls++
	return Now
}

func (f *fake) ElapsedMs() uint32 {
	f.turn.HostCalls++
	return 0
}

// Random gives the same bytes every time: a test should not depend on luck.
func (f *fake) Random(count uint32) ([]byte, error) {
	if err := f.admit(); err != nil {
		return nil, err
	}
	bytes := make([]byte, count)
	for i := range bytes {
		bytes[i] = byte(i*37 + 11)
	}
	return bytes, nil
}
