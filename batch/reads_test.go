package batch_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"kassa/batch"
)

// TestReadsThatWaitShareAQuery holds the first query: what is asked for meanwhile
// is one query, made after all of it was asked for.
func TestReadsThatWaitShareAQuery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var queries [][]int
		gate := make(chan struct{})
		reads := batch.NewReads(1, func(_ context.Context, keys []int) (map[int]string, error) {
			<-gate
			mu.Lock()
			defer mu.Unlock()
			queries = append(queries, keys)
			found := map[int]string{}
			for _, key := range keys {
				if key != 13 {
					found[key] = fmt.Sprint(key)
				}
			}
			return found, nil
		})
		var wg sync.WaitGroup
		read := func(key int) {
			wg.Go(func() {
				value, found, err := reads.Read(t.Context(), key)
				require.NoError(t, err)
				require.Equal(t, key != 13, found)
				if found {
					require.Equal(t, fmt.Sprint(key), value)
				}
			})
			synctest.Wait()
		}
		for key := range 20 {
			read(key)
		}
		close(gate)
		wg.Wait()
		require.Len(t, queries, 2)
		require.Equal(t, []int{0}, queries[0], "a lone read does not wait")
		require.Len(t, queries[1], 19)
		read(7)
		wg.Wait()
		require.Len(t, queries, 3, "an ended query answers nobody again")
	})
}

func TestAReadThatFailsFailsForAllWhoWait(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	reads := batch.NewReads(2, func(context.Context, []int) (map[int]int, error) { return nil, away })
	var wg sync.WaitGroup
	for key := range 50 {
		wg.Go(func() {
			_, _, err := reads.Read(t.Context(), key)
			require.ErrorIs(t, err, away)
		})
	}
	wg.Wait()
}

func TestAReaderWhoLeavesHarmsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		reads := batch.NewReads(1, func(_ context.Context, keys []int) (map[int]int, error) {
			<-gate
			return map[int]int{keys[0]: 1}, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, _, err := reads.Read(ctx, 1)
			left <- err
		}()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-left, context.Canceled)
		close(gate)
		_, found, err := reads.Read(t.Context(), 2)
		require.NoError(t, err)
		require.True(t, found)
	})
}
