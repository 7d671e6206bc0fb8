package sandbox

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkPayment measures one confirmed payment, without a network and without a receiver of webhooks.
func BenchmarkPayment(b *testing.B) {
	s, err := New(Config{Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	body := intentForm("metadata[order_id]", "o1").Encode()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(http.MethodPost, "/v1/payment_intents", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+defaultSecretKey)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Errorf("status %d", w.Code)
			}
		}
	})
}
