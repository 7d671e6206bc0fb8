package sqlite

import (
	"context"
	"errors"

	"kassa/checkout"
	"kassa/store"
)

// Find reads rows by their keys. It sends only the statements that they need.
func (s *snapshot) Find(ctx context.Context, keys store.FindKeys) (found store.Found, err error) {
	c := s.view.connection
	return found, errors.Join(
		find(&found.Orders)(bareOrders(ctx, c, keys.Orders)),
		find(&found.Charges)(gather(ctx, c, "payments.of_charge", keys.Charges, bindCharge, scanCharged)),
		find(&found.Events)(gather(ctx, c, "webhook_events.id_by_key", keys.Events, bindWebhookKey, scanStored)),
		find(&found.Carts)(gather(ctx, c, "carts.by_id", keys.Carts, (*statement).id, scanCart)),
		find(&found.Tasks)(gather(ctx, c, "tasks.by_id", keys.Tasks, (*statement).id, scanTask)),
		find(&found.Tasks)(gather(ctx, c, "tasks.attended", keys.Attended, (*statement).id, scanTask)),
		find(&found.Webhooks)(gather(ctx, c, "webhook_events.by_id", keys.Webhooks, (*statement).id, scanWebhook)),
		find(&found.Batches)(logEntries(ctx, c, keys.Batches)),
	)
}

// find adds rows to those that were found before.
func find[T any](into *[]T) func([]T, error) error {
	return func(rows []T, err error) error {
		*into = append(*into, rows...)
		return err
	}
}

func bindCharge(s *statement, key store.ChargeKey) {
	s.text(key.Gateway)
	s.text(key.ChargeID)
}

func scanCharged(r *row) store.Charged {
	return store.Charged{ChargeKey: store.ChargeKey{Gateway: r.text(), ChargeID: r.text()}, Payment: r.id()}
}

func scanStored(r *row) store.Stored {
	return store.Stored{WebhookKey: checkout.WebhookKey{Gateway: r.text(), Key: r.text()}, ID: r.id()}
}
