package sandbox

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// event is something that happened, with the object as it was then.
type event struct {
	ID      string
	Kind    string
	Created time.Time
	Request requestInfo
	About   string          // id of the object
	Faults  []string        // sim_fault of the object
	Body    json.RawMessage // the object; written once by encode

	object any
	once   sync.Once
}

func (e *event) key() string          { return e.ID }
func (e *event) createdAt() time.Time { return e.Created }

// emit records an event. The object is a copy that nobody changes, so it is encoded later, outside the lock.
func (tx *tx) emit(kind string, object any) {
	about, metadata := aboutObject(object)
	e := &event{ID: "evt_3" + tx.ids.text(23), Kind: kind, Created: tx.now, Request: tx.request, About: about, Faults: faultNames(metadata),
		object: object}
	tx.stripe.events.add(e)
	tx.events = append(tx.events, e)
}

// aboutObject is the id and the metadata of a rendered object.
func aboutObject(object any) (id string, metadata map[string]string) {
	switch o := object.(type) {
	case *intentObject:
		return o.ID, o.Metadata
	case *chargeObject:
		return o.ID, o.Metadata
	case *refundObject:
		return o.ID, o.Metadata
	case *sessionObject:
		return o.ID, o.Metadata
	}
	panic("sandbox: an event about something unknown")
}

// encode returns the event's object as JSON.
func (e *event) encode() json.RawMessage {
	e.once.Do(func() {
		if e.Body == nil {
			e.Body = mustJSON(e.object)
		}
		e.object = nil
	})
	return e.Body
}

// render is the event as Stripe sends it.
func (e *event) render(pending int) *eventObject {
	return &eventObject{ID: e.ID, Object: "event", APIVersion: APIVersion, Created: e.Created.Unix(), Data: eventData{Object: e.encode()},
		PendingWebhooks: pending, Request: eventFrom{ID: orNull(e.Request.ID), IdempotencyKey: orNull(e.Request.Key)}, Type: e.Kind}
}

// mustJSON encodes one of our own shapes, which cannot fail.
func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("sandbox: encode " + err.Error())
	}
	return raw
}

func (c *call) getEvent() (any, *apiError) {
	e, ok := c.stripe.events.find(c.id)
	if !ok {
		return nil, missing("event", "id", c.id)
	}
	return e.render(0), nil
}

func (c *call) listEvents() (any, *apiError) {
	kind, kinds := c.form.get("type"), c.form.texts("types")
	if kind != "" && len(kinds) > 0 {
		return nil, paramError("", "types", "You may only specify one of these parameters: type, types.")
	}
	return page(c, c.stripe.events, "event", func(e *event) bool {
		return (kind == "" || matches(kind, e.Kind)) && (len(kinds) == 0 || slices.ContainsFunc(kinds, func(k string) bool { return matches(k, e.Kind) }))
	}, func(e *event, _ expand) *eventObject { return e.render(0) })
}

// matches compares a name with a pattern that may end in *: charge.* or just *.
func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
