package app_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// 200 buyers want 50 units, 1 or 2 each: exactly 50 are sold, and every loser
// hears "out of stock".
func TestContention(t *testing.T) {
	t.Parallel()
	for name, url := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, url, startSandbox(t))
			contend(t, s, s)
		})
	}
}

// contend lets the buyers choose between two processes of one shop.
func contend(t *testing.T, first, second *shop) {
	t.Helper()
	first.sell("HOT", "499.50", 50)
	var sold, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		s := first
		if i%4 >= 2 {
			s = second
		}
		wg.Go(func() {
			qty := 1 + i%2
			a := s.call("POST", "/checkout", first.pk, basket("HOT", qty))
			switch {
			case a.status == 201:
				sold.Add(int64(qty))
			case a.status == 409 && a.text("code") == "out_of_stock":
				refused.Add(1)
			default:
				t.Errorf("unexpected answer %d: %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	// A buyer of two may lose the last unit; then one of one takes it.
	for sold.Load() < 50 {
		a := first.call("POST", "/checkout", first.pk, basket("HOT", 1))
		require.Equal(t, 201, a.status, "%s", a.body)
		sold.Add(1)
	}
	require.Equal(t, int64(50), sold.Load())
	require.Positive(t, refused.Load())
	a := first.call("POST", "/checkout", first.pk, basket("HOT", 1))
	require.Equal(t, 409, a.status)
	level := first.call("GET", "/inventory/HOT", first.sk, nil)
	require.EqualValues(t, 0, level.json["available_qty"])
	require.EqualValues(t, 50, level.json["locked_qty"])
	first.requireClean()
}
