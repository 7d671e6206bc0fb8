package api

import (
	"context"
	"net/http"
	"time"

	"kassa/checkout"
)

// readyPatience bounds the question whether the store answers.
const readyPatience = 2 * time.Second

func (s *server) health() {
	handle(s, route{
		method: http.MethodGet, path: "/healthz", tag: "Operations", scope: public,
		id: "live", summary: "Whether the process lives", statuses: []int{http.StatusOK},
	}, func(context.Context, *struct{}) (answer[healthBody], error) {
		return answer[healthBody]{status: http.StatusOK, body: healthBody{Status: "live"}}, nil
	})
	handle(s, route{
		method: http.MethodGet, path: "/readyz", tag: "Operations", scope: public,
		id: "ready", summary: "Whether requests can be served", about: "The store answers, its schema fits, and what else is configured to be needed is there. 503 where not.",
		statuses: []int{http.StatusOK},
	}, s.ready)
	if s.Metrics != nil {
		s.mux.Handle("GET /metrics", s.Metrics)
	}
}

type healthBody struct {
	Status string `json:"status" enum:"live,ready"`
}

func (s *server) ready(ctx context.Context, _ *struct{}) (answer[healthBody], error) {
	asking, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	if err := s.Ready(asking); err != nil {
		s.Log.WarnContext(ctx, "not ready", "request_id", callOf(ctx).id, "error", err)
		return answer[healthBody]{}, checkout.Refuse(checkout.CodeOverloaded, "not ready to serve requests")
	}
	return answer[healthBody]{status: http.StatusOK, body: healthBody{Status: "ready"}}, nil
}
