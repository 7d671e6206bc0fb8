package lint

import (
	"context"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// compose loads the file as docker compose does: its schema, its variables, what depends on what.
func compose(ctx context.Context, text []byte) error {
	_, err := loader.LoadWithContext(ctx, types.ConfigDetails{
		WorkingDir:  "..",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: text}},
		Environment: types.Mapping{
			"TAG": "v1", "PUBLIC_URL": "https://pay.example.com", "POSTGRES_PASSWORD": "x",
			"STRIPE_SECRET_KEY": "sk_x", "STRIPE_WEBHOOK_SECRET": "whsec_x",
		},
	})
	return err
}
