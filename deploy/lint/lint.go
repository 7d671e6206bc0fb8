// Package lint reads the files of deploy with the libraries of the tools that will read them, so that a mistake is
// found before somebody's installation finds it. It is a module of its own: these libraries are none of Kassa's.
//
// It must not know what Kassa's settings mean: that is cmd/kassa/deploy_test.go.
package lint

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoTool says that a check needs a program that is not on this machine.
var ErrNoTool = errors.New("not on this machine")

// Files are the checks of all files of deploy, by name.
var Files = map[string]func(ctx context.Context, text []byte) error{
	"Dockerfile":      dockerfile,
	"compose.yaml":    compose,
	"kassa.service":   unit,
	"kubernetes.yaml": kubernetes,
	"alerts.yaml":     alerts,
}

// Check tells what is wrong with a file of deploy.
func Check(ctx context.Context, name string, text []byte) error {
	check, ok := Files[name]
	if !ok {
		return fmt.Errorf("%s: nothing here knows how to check it; add it to Files", name)
	}
	if err := check(ctx, text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
