package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"kassa/checkout"
	"kassa/saga"
	"kassa/store"
)

func (s *server) tasks() {
	handle(s, route{
		method: http.MethodGet, path: "/attention", tag: "Operations", scope: serverOnly,
		id: "listAttention", summary: "List what needs an operator", statuses: []int{http.StatusOK},
	}, s.attention)
	for _, how := range []struct {
		how     saga.Resolution
		summary string
		about   string
	}{
		{saga.ResolveRetry, "Run a task again", "With a fresh count of attempts."},
		{saga.ResolveSkip, "Skip a task", "It was dealt with otherwise. What it left open is closed; should its gateway still report, that is applied as ever."},
		{saga.ResolveCompensate, "Undo a task's step instead", "Runs the compensation of the step that the task belongs to."},
	} {
		handle(s, route{
			method: http.MethodPost, path: "/tasks/{id}/" + string(how.how), tag: "Operations", scope: serverOnly, key: keyOptional,
			id: string(how.how) + "Task", summary: how.summary, about: how.about,
			statuses: []int{http.StatusOK}, codes: []checkout.Code{checkout.CodeNotFound, checkout.CodeOrderState, checkout.CodeAmountMismatch},
		}, s.resolve(how.how))
	}
}

type taskBody struct {
	TaskID    string    `json:"task_id" format:"uuid"`
	Kind      string    `json:"kind" example:"refund_payment"`
	OrderID   string    `json:"order_id,omitempty"`
	Attempts  int       `json:"attempts" doc:"Runs that did not end it."`
	LastError string    `json:"last_error" doc:"Why an operator must look."`
	Actions   []string  `json:"actions" enum:"retry,skip,compensate" doc:"What an operator can do."`
	CreatedAt time.Time `json:"created_at"`
}

type attentionInput struct{ Page }

func (s *server) attention(ctx context.Context, in *attentionInput) (answer[list[taskBody]], error) {
	after, err := in.cursorID()
	if err != nil {
		return answer[list[taskBody]]{}, err
	}
	rows, err := s.Reader.Attention(ctx, after, in.Limit+1)
	if err != nil {
		return answer[list[taskBody]]{}, err
	}
	return answer[list[taskBody]]{
		status: http.StatusOK,
		body:   page(rows, in.Limit, renderTask, func(t checkout.Task) string { return string(t.ID[:]) }),
	}, nil
}

func renderTask(t checkout.Task) taskBody {
	body := taskBody{
		TaskID: t.ID.String(), Kind: string(t.Kind), Attempts: t.Attempts, LastError: t.LastError,
		Actions: []string{}, CreatedAt: instant(t.CreatedAt),
	}
	if !t.OrderID.IsZero() {
		body.OrderID = t.OrderID.String()
	}
	if t.Kind != checkout.TaskAttend {
		body.Actions = append(body.Actions, string(saga.ResolveRetry))
	}
	body.Actions = append(body.Actions, string(saga.ResolveSkip))
	if step, ok := saga.StepOf(t.Kind); ok && step.Undo != "" {
		body.Actions = append(body.Actions, string(saga.ResolveCompensate))
	}
	return body
}

type resolveInput struct {
	ID   string `path:"id"`
	Body struct {
		Note string `json:"note" maxLength:"1000" pattern:"\\S" patternDescription:"more than spaces" doc:"Why, for those who read the timeline later."`
	}
}

type resolvedBody struct {
	TaskID     string `json:"task_id" format:"uuid"`
	Resolution string `json:"resolution" enum:"retry,skip,compensate"`
	OrderID    string `json:"order_id,omitempty"`
	Status     string `json:"order_status,omitempty"`
}

func (s *server) resolve(how saga.Resolution) func(context.Context, *resolveInput) (answer[resolvedBody], error) {
	return func(ctx context.Context, in *resolveInput) (answer[resolvedBody], error) {
		id, err := pathID(in.ID, "task")
		if err != nil {
			return answer[resolvedBody]{}, err
		}
		// A task that has gone is decided on all the same: a repeat of the call
		// that ended it gets its answer, and anything else is refused.
		task, err := s.Reader.Task(ctx, id)
		gone := errors.Is(err, store.ErrNotFound)
		if err != nil && !gone {
			return answer[resolvedBody]{}, err
		}
		a, _, err := decide(ctx, s, id.String(), saga.ResolveTask{Task: task, How: how, Note: in.Body.Note}, func(r saga.Result) (int, resolvedBody) {
			body := resolvedBody{TaskID: id.String(), Resolution: string(how)}
			if r.Order != nil {
				body.OrderID, body.Status = r.Order.ID.String(), string(r.Order.Status)
			}
			return http.StatusOK, body
		})
		if gone && checkout.CodeOf(err) == checkout.CodeOrderState {
			err = noSuch("task")
		}
		return a, err
	}
}
