package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/stretchr/testify/require"

	"kassa/app"
)

// The files of deploy tell Kassa's settings, times and metrics again. Here they are held against the code; whether they
// are well-formed is deploy/lint's.

// TestDeployConfigures starts from what each file puts into the environment and the configuration.
// It sets the environment, so it runs alone.
func TestDeployConfigures(t *testing.T) {
	t.Run("Dockerfile", func(t *testing.T) {
		setAll(t, found(t, "Dockerfile", `(?m)^ENV (KASSA_\w+)=(.+)$`))
		configures(t, "store: {url: memory}")
	})
	t.Run("compose.yaml", func(t *testing.T) {
		settings := document(t, "compose.yaml", "name: kassa").under(t, "x-kassa", "environment")
		for name, value := range settings {
			value := value.(string)
			if as := regexp.MustCompile(`^\$\{.*:\?(sk_|whsec_)?.*\}$`).FindStringSubmatch(value); as != nil {
				value = as[1] + "x"
			}
			t.Setenv(name, value)
		}
		configures(t, "")
	})
	t.Run("kubernetes.yaml", func(t *testing.T) {
		for name, value := range document(t, "kubernetes.yaml", "kind: Secret").under(t, "stringData") {
			t.Setenv(name, value.(string))
		}
		configures(t, document(t, "kubernetes.yaml", "kind: ConfigMap").under(t, "data")["kassa.yaml"].(string))
	})
}

// TestDeployLeavesTimeToDrain compares how long each kind of supervisor waits before it kills.
func TestDeployLeavesTimeToDrain(t *testing.T) {
	t.Parallel()
	for name, patience := range map[string]string{
		"Dockerfile":    found(t, "Dockerfile", `()--stop-timeout (\d+)`)[""] + "s",
		"compose.yaml":  document(t, "compose.yaml", "name: kassa").under(t, "services", "kassa")["stop_grace_period"].(string),
		"kassa.service": found(t, "kassa.service", `()TimeoutStopSec=(\d+)`)[""] + "s",
	} {
		longer(t, name, patience, drain)
	}
	pause, err := time.ParseDuration(found(t, "kubernetes.yaml", `()sleep: \{seconds: (\d+)\}`)[""] + "s")
	require.NoError(t, err)
	longer(t, "kubernetes.yaml", found(t, "kubernetes.yaml", `()terminationGracePeriodSeconds: (\d+)`)[""]+"s", pause+drain)
}

// TestMetricsAreTold looks for every metric in docs/operations.md, and for every metric of the alerts in the code.
func TestMetricsAreTold(t *testing.T) {
	t.Parallel()
	code, manual := read(t, "../../telemetry/telemetry.go"), read(t, "../../docs/operations.md")
	metrics := map[string]bool{}
	for _, match := range regexp.MustCompile(`Name: "(kassa_\w+)"`).FindAllStringSubmatch(code, -1) {
		metrics[match[1]] = true
		require.Contains(t, manual, match[1])
	}
	require.NotEmpty(t, metrics)
	for _, name := range regexp.MustCompile(`kassa_\w+`).FindAllString(read(t, "../../deploy/alerts.yaml"), -1) {
		require.Contains(t, metrics, regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, ""))
	}
}

// configures loads a configuration with the environment over it, down to the gateways.
func configures(t *testing.T, config string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kassa.yaml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	cfg, err := app.LoadConfig(path)
	require.NoError(t, err)
	require.NoError(t, app.CheckGateways(cfg, adapters))
}

func longer(t *testing.T, name, patience string, than time.Duration) {
	t.Helper()
	waits, err := time.ParseDuration(patience)
	require.NoError(t, err, name)
	require.Greater(t, waits, than, name)
}

// tree is a YAML document.
type tree map[string]any

// document is that one of a file which has a line.
func document(t *testing.T, name, line string) tree {
	t.Helper()
	for text := range strings.SplitSeq(read(t, "../../deploy/"+name), "\n---\n") {
		if strings.Contains("\n"+text, "\n"+line+"\n") {
			parsed, err := yaml.Parser().Unmarshal([]byte(text))
			require.NoError(t, err)
			return parsed
		}
	}
	require.FailNow(t, "nothing has the line "+line, name)
	return nil
}

func (tr tree) under(t *testing.T, path ...string) tree {
	t.Helper()
	for _, key := range path {
		below, ok := tr[key].(map[string]any)
		require.True(t, ok, "no %s", key)
		tr = below
	}
	return tr
}

// found maps the first group of each match in a file of deploy to the second.
func found(t *testing.T, name, pattern string) map[string]string {
	t.Helper()
	matches := map[string]string{}
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, "../../deploy/"+name), -1) {
		matches[match[1]] = match[2]
	}
	require.NotEmpty(t, matches, "%s: nothing matches %s", name, pattern)
	return matches
}

func setAll(t *testing.T, settings map[string]string) {
	t.Helper()
	for name, value := range settings {
		t.Setenv(name, value)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(path))
	require.NoError(t, err)
	return string(text)
}
