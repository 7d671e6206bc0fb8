package engine_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/engine"
	"kassa/saga"
	"kassa/store/memory"
)

// TestAnAnswerOfAnOrderIsKeptWithoutItsBody: whoever made the order gets the body,
// and whoever repeats the call, also within the same batch, the order's id.
func TestAnAnswerOfAnOrderIsKeptWithoutItsBody(t *testing.T) {
	t.Parallel()
	b := newBench(t, memory.New(memory.Config{}), 50)
	key := checkout.KeyID{Scope: "checkout", Key: "a"}
	replies := make([]engine.Reply, 50)
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() {
			reply, err := b.engine.Submit(t.Context(), engine.Submission{
				Command: order(1), Key: &engine.Key{KeyID: key, RequestHash: "1"},
				Render: func(r saga.Result) (checkout.Answer, error) {
					return checkout.Answer{Status: 201, Body: []byte("the order"), Order: r.Order.ID}, nil
				},
			})
			if err != nil {
				t.Error(err)
			}
			replies[i] = reply
		})
	}
	wg.Wait()
	made := replies[0].Answer.Order
	require.False(t, made.IsZero())
	first := 0
	for _, reply := range replies {
		want := checkout.Answer{Status: 201, Order: made}
		if !reply.Replayed {
			want.Body = []byte("the order")
			first++
		}
		require.Equal(t, want, *reply.Answer)
	}
	require.Equal(t, 1, first)

	state := saga.NewState()
	require.NoError(t, b.store.Read(t.Context(), saga.Keys{Answers: []checkout.KeyID{key}}, state))
	require.Equal(t, checkout.Answer{Status: 201, Order: made}, state.Answers[key].Answer)
}
