package lint

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/opencontainers/go-digest"
)

// dockerfile makes of the text what docker build would carry out, and collects the warnings of `docker build --check`.
// Nothing is fetched or built.
func dockerfile(ctx context.Context, text []byte) error {
	found, err := dockerfile2llb.DockerfileLint(ctx, text, dockerfile2llb.ConvertOpt{
		MetaResolver: onlyGolang{}, SourceMap: &llb.SourceMap{Filename: "Dockerfile", Data: text, Definition: &llb.Definition{}},
	})
	if err != nil {
		return err
	}
	var errs []error
	if found.Error != nil {
		errs = append(errs, errors.New(found.Error.Message))
	}
	for _, warning := range found.Warnings {
		errs = append(errs, fmt.Errorf("line %d: %s: %s", warning.Location.Ranges[0].Start.Line, warning.RuleName, strings.TrimSpace(warning.Detail)))
	}
	return errors.Join(errs...)
}

// onlyGolang knows the one image that Kassa is built with. Any other name is a slip, such as that of a stage.
type onlyGolang struct{}

// ResolveImageConfig returns the configuration of an image without settings.
func (onlyGolang) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if !strings.Contains(ref, "/golang:") {
		return "", "", nil, fmt.Errorf("the image %s is not what Kassa is built with", ref)
	}
	config := []byte(`{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers"}}`)
	return ref, digest.FromBytes(config), config, nil
}
