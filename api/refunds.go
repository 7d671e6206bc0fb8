package api

import (
	"context"
	"net/http"

	"kassa/checkout"
	"kassa/saga"
)

func (s *server) refunds() {
	handle(s, route{
		method: http.MethodPost, path: "/orders/{id}/refunds", tag: "Orders", scope: serverOnly, key: keyRequired,
		id: "refundOrder", summary: "Give money back",
		about: "All that is left, or an amount of it; several partial refunds never pass what was captured. The refund is PENDING until its gateway has answered: " +
			"read the order to learn how it ends.",
		statuses: []int{http.StatusCreated},
		codes:    []checkout.Code{checkout.CodeNotFound, checkout.CodeOrderState, checkout.CodeAmountMismatch, checkout.CodeRateLimited},
	}, s.refund)
}

type refundInput struct {
	ID   string `path:"id"`
	Body struct {
		Amount  *amount `json:"amount,omitempty" doc:"All that is left by default."`
		Reason  string  `json:"reason" maxLength:"500" pattern:"\\S" patternDescription:"more than spaces" doc:"The buyer can read it on the order." example:"damaged in transit"`
		Restock bool    `json:"restock,omitempty" doc:"Puts the order's units back on sale; only where all that is left is refunded."`
	}
}

func (s *server) refund(ctx context.Context, in *refundInput) (answer[refundBody], error) {
	id, err := pathID(in.ID, "order")
	if err != nil {
		return answer[refundBody]{}, err
	}
	callOf(ctx).order = id.String()
	command := saga.CreateRefund{OrderID: id, Reason: in.Body.Reason, Restock: in.Body.Restock}
	if in.Body.Amount != nil {
		command.Amount = in.Body.Amount.Literal
	}
	a, _, err := decide(ctx, s, id.String(), command, func(r saga.Result) (int, refundBody) {
		return http.StatusCreated, renderRefund(r.Refund)
	})
	return a, ours(err)
}
