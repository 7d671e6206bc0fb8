package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func (s *server) orders() {
	found := []checkout.Code{checkout.CodeNotFound}
	handle(s, route{
		method: http.MethodGet, path: "/orders/{id}", tag: "Orders", scope: storefront,
		id: "readOrder", summary: "Read an order", statuses: []int{http.StatusOK}, codes: found,
	}, s.readOrder)
	handle(s, route{
		method: http.MethodGet, path: "/orders/{id}/timeline", tag: "Orders", scope: storefront,
		id: "readTimeline", summary: "Read what happened to an order", about: "Every step, attempt, retry and event of its saga with times, and what is done next.",
		statuses: []int{http.StatusOK}, codes: found,
	}, s.timeline)
	handle(s, route{
		method: http.MethodGet, path: "/orders", tag: "Orders", scope: serverOnly,
		id: "listOrders", summary: "List orders, the newest first", statuses: []int{http.StatusOK},
	}, s.listOrders)
	handle(s, route{
		method: http.MethodPost, path: "/orders/{id}/cancel", tag: "Orders", scope: serverOnly, key: keyOptional,
		id: "cancelOrder", summary: "Cancel an order",
		about:    "Before the payment its stock is released and an open attempt ended; money that still comes is given back. A paid order is refunded in full and its stock put back on sale.",
		statuses: []int{http.StatusOK}, codes: append(found, checkout.CodeOrderState),
	}, s.cancel)
}

type orderPath struct {
	OrderToken
	ID string `path:"id"`
}

func (s *server) readOrder(ctx context.Context, in *orderPath) (answer[orderBody], error) {
	o, err := s.pathOrder(ctx, in)
	if err != nil {
		return answer[orderBody]{}, err
	}
	return answer[orderBody]{status: http.StatusOK, body: renderOrder(o)}, nil
}

func (s *server) pathOrder(ctx context.Context, in *orderPath) (*checkout.Order, error) {
	id, err := pathID(in.ID, "order")
	if err != nil {
		return nil, err
	}
	return s.order(ctx, id, in.OrderToken)
}

type timelineBody struct {
	OrderID string         `json:"order_id" format:"uuid"`
	Status  string         `json:"status"`
	Items   []eventBody    `json:"items"`
	Next    []nextTaskBody `json:"next" doc:"What is done next, and when."`
}

type eventBody struct {
	Seq  int64          `json:"seq" doc:"1, 2, 3 … of the order."`
	At   time.Time      `json:"at"`
	Type string         `json:"type" example:"order.confirmed"`
	Data map[string]any `json:"data,omitempty"`
}

type nextTaskBody struct {
	TaskID    string    `json:"task_id" format:"uuid"`
	Kind      string    `json:"kind" example:"look_up_payment"`
	DueAt     time.Time `json:"due_at"`
	Attempts  int       `json:"attempts" doc:"Runs so far that did not end it."`
	Attention bool      `json:"attention" doc:"It waits for an operator."`
	LastError string    `json:"last_error,omitempty" doc:"Shown to server keys."`
}

func (s *server) timeline(ctx context.Context, in *orderPath) (answer[timelineBody], error) {
	o, err := s.pathOrder(ctx, in)
	if err != nil {
		return answer[timelineBody]{}, err
	}
	entries, err := s.Reader.LogEntries(ctx, o.Log)
	if err != nil {
		return answer[timelineBody]{}, err
	}
	body := timelineBody{OrderID: o.ID.String(), Status: string(o.Status), Items: []eventBody{}, Next: []nextTaskBody{}}
	shop := callOf(ctx).key.Scope == checkout.ScopeServer
	for _, entry := range entries {
		for _, e := range entry.Events {
			if e.OrderID == o.ID {
				body.Items = append(body.Items, eventBody{Seq: e.Seq, At: instant(e.At), Type: e.Type, Data: forEyes(e.Data, shop)})
			}
		}
	}
	if body.Next, err = s.nextTasks(ctx, o, shop); err != nil {
		return answer[timelineBody]{}, err
	}
	return answer[timelineBody]{status: http.StatusOK, body: body}, nil
}

// forEyes leaves out what is for the shop alone: an operator's notes and the
// texts of technical errors.
func forEyes(data map[string]any, shop bool) map[string]any {
	if shop {
		return data
	}
	data = maps.Clone(data)
	delete(data, "note")
	delete(data, "error")
	return data
}

// nextTasks reads what the order's unfinished payments and refunds owe.
func (s *server) nextTasks(ctx context.Context, o *checkout.Order, shop bool) ([]nextTaskBody, error) {
	next := []nextTaskBody{}
	for _, id := range unfinished(o) {
		t, err := s.Reader.Task(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		b := nextTaskBody{TaskID: t.ID.String(), Kind: string(t.Kind), DueAt: instant(t.DueAt), Attempts: t.Attempts, Attention: t.Attention}
		if shop {
			b.LastError = t.LastError
		}
		next = append(next, b)
	}
	slices.SortStableFunc(next, func(a, b nextTaskBody) int { return a.DueAt.Compare(b.DueAt) })
	return next, nil
}

func unfinished(o *checkout.Order) []checkout.ID {
	var ids []checkout.ID
	for _, p := range o.Payments {
		if p.Open() {
			ids = append(ids, p.ID)
		}
	}
	for _, r := range o.Refunds {
		if r.Status != checkout.RefundSucceeded {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

type listOrdersInput struct {
	Page
	Status      string    `query:"status" enum:"PENDING,AWAITING_PAYMENT,CONFIRMED,PARTIALLY_REFUNDED,REFUNDED,EXPIRED,CANCELLED"`
	Customer    string    `query:"customer" maxLength:"254" doc:"An e-mail address, or the shop's own user_id."`
	CreatedFrom time.Time `query:"created_from" doc:"Orders made at this time or later."`
	CreatedTo   time.Time `query:"created_to" doc:"Orders made before this time."`
}

func (s *server) listOrders(ctx context.Context, in *listOrdersInput) (answer[list[orderBody]], error) {
	before, err := in.cursorID()
	if err != nil {
		return answer[list[orderBody]]{}, err
	}
	filter := store.OrderFilter{
		Status: checkout.OrderStatus(in.Status), From: in.CreatedFrom, To: in.CreatedTo, Before: before, Limit: in.Limit + 1,
	}
	if strings.Contains(in.Customer, "@") {
		filter.Email = in.Customer
	} else {
		filter.UserID = in.Customer
	}
	rows, err := s.Reader.Orders(ctx, filter)
	if err != nil {
		return answer[list[orderBody]]{}, err
	}
	return answer[list[orderBody]]{
		status: http.StatusOK,
		body:   page(rows, in.Limit, renderOrder, func(o *checkout.Order) string { return string(o.ID[:]) }),
	}, nil
}

type cancelInput struct {
	ID   string `path:"id"`
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"The buyer can read it on the order."`
	}
}

func (s *server) cancel(ctx context.Context, in *cancelInput) (answer[orderBody], error) {
	o, err := s.pathOrder(ctx, &orderPath{ID: in.ID})
	if err != nil {
		return answer[orderBody]{}, err
	}
	command := saga.CancelOrder{OrderID: o.ID}
	if in.Body != nil {
		command.Reason = in.Body.Reason
	}
	a, _, err := decide(ctx, s, o.ID.String(), command, withDetails(o.Details))
	return a, err
}

// withDetails renders an order that was decided on, which comes without its
// details: those never change, so that what was read before is true.
func withDetails(d *checkout.OrderDetails) func(saga.Result) (int, orderBody) {
	return func(r saga.Result) (int, orderBody) {
		o := *r.Order
		o.Details = d
		return http.StatusOK, renderOrder(&o)
	}
}
