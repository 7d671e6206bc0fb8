package kassa

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// row says what the Go files of one folder may import, tests excepted.
type row struct {
	folders string // folders of Kassa, by name
	libs    string // libraries from outside, by prefix
}

const (
	pure     = "money checkout pricing inventory saga "
	anything = "*" // any library; as folders, any but the command
	none     = ""
)

// table is the map of the repository. A folder without a row follows its
// parent's and may import its relatives: sandbox/pages follows sandbox. In the
// rows of adapters and suites, "port" is the folder above.
var table = map[string]row{
	"": {none, none},

	// Pure: they decide, and do nothing else.
	"money":     {none, "github.com/govalues/decimal golang.org/x/text"},
	"checkout":  {"money", "github.com/google/uuid"},
	"pricing":   {"money checkout", "cel.dev/cel-go"},
	"inventory": {"money checkout", none},
	"saga":      {"money checkout pricing inventory", none},

	// Ports, one interface each, and what stands behind them.
	"store":             {pure, none},
	"hold":              {pure, none},
	"gateway":           {pure, none},
	"broker":            {pure, none},
	"notify":            {pure, none},
	"<port>/<adapter>":  {pure + "port batch telemetry", anything},
	"<port>/<port>test": {pure + "port telemetry", anything},

	// What carries an order through.
	"batch":    {none, none},
	"engine":   {pure + "batch store hold telemetry", anything},
	"tasks":    {pure + "engine store telemetry", anything},
	"payments": {pure + "engine tasks store gateway telemetry", anything},
	"outbox":   {pure + "store broker telemetry", anything},
	"catalog":  {pure + "store telemetry", anything},
	"invoice":  {pure + "telemetry", anything},
	"audit":    {pure + "store telemetry", anything},

	// What faces outward.
	"api":        {pure + "engine catalog store gateway telemetry", anything},
	"api/client": {none, anything},
	"web":        {pure + "api/client store telemetry", anything},

	// What everything else may use.
	"telemetry": {pure, "github.com/prometheus go.opentelemetry.io"},

	// What puts it together, or stands in for the world.
	"sandbox":   {"money", none},
	"sim":       {anything, anything}, // but see simulated
	"app":       {anything, anything},
	"bench":     {anything, anything},
	"cmd/kassa": {anything, anything},

	// A module of its own, which reads the files of deploy.
	"deploy/lint": {none, anything},
}

// ports are the folders whose subfolders are adapters and one suite.
var ports = strings.Fields("store hold gateway broker notify")

// simulated are the only adapters that the simulator may run on: all others
// talk to the world.
var simulated = strings.Fields("store/memory gateway/manual notify/mailbox")

// readers see the store through store.Reader alone; these names write.
var (
	readers = strings.Fields("api web")
	writing = strings.Fields("Store Tx Save")
)

// impure are packages that no pure one imports, with all below them.
var impure = strings.Fields("context net os sync log syscall unsafe database/sql math/rand crypto/rand")

// unpredictable are the names that make an otherwise pure package impure.
var unpredictable = map[string][]string{
	"time":                   strings.Fields("Now Since Until After AfterFunc Tick NewTimer NewTicker Sleep"),
	"github.com/google/uuid": strings.Fields("New NewString NewRandom NewUUID NewV6 NewV7 NewDCEPerson NewDCEGroup NewDCESecurity"),
}

// vague are names of folders that say nothing about what is in them.
var vague = strings.Fields("pkg common util utils model models helper helpers misc")

const (
	maxDepth = 3   // folders
	maxLines = 700 // of a Go file that no program wrote
)

// rules are all checks; each returns what is wrong, one line a finding.
var rules = []struct {
	name  string
	check func(*tree) []string
}{
	{"imports follow the table", importsFollowTheTable},
	{"readers only read", readersOnlyRead},
	{"pure packages are pure", purePackagesArePure},
	{"packages say what they must not know", packagesSayWhatTheyMustNotKnow},
	{"adapters are registered and run their suite", adaptersAreRegistered},
	{"folders are flat and named", foldersAreFlat},
	{"files are short", filesAreShort},
	{"nothing happens at init", nothingAtInit},
	{"files name no workplace", filesNameNoWorkplace},
}

func TestTidy(t *testing.T) {
	t.Parallel()
	whole, err := loadTree(os.DirFS("."), repositoryFiles(t))
	require.NoError(t, err)
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, strings.Join(rule.check(whole), "\n"))
		})
	}
}

// repositoryFiles lists what git has or would add, so that ignored files and
// build results do not count.
func repositoryFiles(t *testing.T) []string {
	t.Helper()
	// The folder may belong to another user, as it does in many containers.
	list := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	out, err := list.Output()
	if err != nil && os.Getenv("CI") != "true" {
		t.Skipf("needs git and a clone: %v", err)
	}
	require.NoError(t, err)
	var files []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		// A file may be deleted and not yet committed so.
		if info, err := os.Lstat(name); err == nil && info.Mode().IsRegular() {
			files = append(files, name)
			// Go repeats a cached result unless a folder that the test has read
			// changed; what git has read it does not know.
			_, err := os.ReadDir(filepath.Dir(name))
			require.NoError(t, err)
		}
	}
	require.Contains(t, files, "tidy_test.go")
	return files
}

// good is a small repository that keeps every rule. Each case below breaks one.
func good() fstest.MapFS {
	doc := func(name, body string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("// Package " + name + " is an example. It must\n// not know others.\npackage " + name + "\n" + body)}
	}
	return fstest.MapFS{
		"money/money.go":                 doc("money", "import \"time\"\ntype T = time.Time\n"),
		"money/money_test.go":            {Data: []byte("package money\nimport _ \"os\"\nimport _ \"kassa/app\"\n")},
		"checkout/cart.go":               doc("checkout", "import _ \"kassa/money\"\n"),
		"store/store.go":                 doc("store", "import _ \"context\"\nimport _ \"kassa/saga\"\n"),
		"store/storetest/storetest.go":   doc("storetest", "import _ \"kassa/store\"\nfunc Run() {}\n"),
		"store/sqlite/sqlite.go":         doc("sqlite", "import _ \"kassa/store\"\nimport _ \"kassa/store/sqlite/migrations\"\nimport _ \"modernc.org/sqlite\"\n"),
		"store/sqlite/migrations/all.go": doc("migrations", "import _ \"kassa/store\"\n"),
		"store/sqlite/sqlite_test.go":    {Data: []byte("package sqlite\nimport \"kassa/store/storetest\"\nfunc Test() { storetest.Run() }\n")},
		"store/memory/memory.go":         doc("memory", "import _ \"kassa/store\"\n"),
		"store/memory/memory_test.go":    {Data: []byte("package memory\nimport suite \"kassa/store/storetest\"\nfunc Test() { suite.Run() }\n")},
		"sandbox/sandbox.go":             doc("sandbox", "import _ \"kassa/money\"\n"),
		"sandbox/pages/pages.go":         doc("pages", "import _ \"kassa/sandbox\"\n"),
		"sim/sim.go":                     doc("sim", "import _ \"kassa/store/memory\"\nimport _ \"kassa/app\"\n"),
		"api/api.go":                     doc("api", "import \"kassa/store\"\ntype R = store.Reader\n"),
		"cmd/kassa/adapters.go":          doc("main", "import \"kassa/store/sqlite\"\nimport mem \"kassa/store/memory\"\nvar _ = sqlite.New\nvar _ = mem.New\n"),
		"saga/testdata/a/b/c/d.txt":      {Data: []byte("deep, but Go lays its corpora out like this\n")},
		"README.md":                      {Data: []byte("see network/" + "work/ and https://example.com/" + "root/\n")},
	}
}

func checkAll(t *testing.T, files fstest.MapFS) string {
	t.Helper()
	var names []string
	require.NoError(t, fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if !entry.IsDir() {
			names = append(names, name)
		}
		return err
	}))
	whole, err := loadTree(files, names)
	require.NoError(t, err)
	var found []string
	for _, rule := range rules {
		found = append(found, rule.check(whole)...)
	}
	return strings.Join(found, "\n")
}

func TestTidyAcceptsWhatIsGood(t *testing.T) {
	t.Parallel()
	require.Empty(t, checkAll(t, good()))
}

// TestTidyFindsWhatIsBad puts one bad file into the good repository at a time:
// a rule that finds nothing there would be worth nothing.
func TestTidyFindsWhatIsBad(t *testing.T) {
	t.Parallel()
	const doc = "// Package x must not know others.\npackage x\n"
	for _, test := range []struct{ name, file, content, finding string }{
		{"import against the table", "money/bad.go", "package money\nimport _ \"kassa/checkout\"\n", "money/bad.go: money may not import kassa/checkout"},
		{"library against the table", "inventory/bad.go", doc + "import _ \"example.com/lib/v2\"\n", "inventory may not import example.com/lib/v2"},
		{"library of another name", "money/bad.go", "package money\nimport _ \"github.com/govalues/decimals\"\n", "money may not import github.com/govalues/decimals"},
		{"port imports its adapter", "store/bad.go", "package store\nimport _ \"kassa/store/sqlite\"\n", "store may not import kassa/store/sqlite"},
		{"adapter imports another", "store/sqlite/bad.go", "package sqlite\nimport _ \"kassa/store/memory\"\n", "store/sqlite may not import kassa/store/memory"},
		{"adapter imports another port", "store/sqlite/bad.go", "package sqlite\nimport _ \"kassa/gateway\"\n", "store/sqlite may not import kassa/gateway"},
		{"suite imports an adapter", "store/storetest/bad.go", "package storetest\nimport _ \"kassa/store/sqlite\"\n", "store/storetest may not import"},
		{"subfolder leaves its family", "sandbox/pages/bad.go", "package pages\nimport _ \"kassa/checkout\"\n", "sandbox/pages may not import kassa/checkout"},
		{"simulator on a real adapter", "sim/bad.go", "package sim\nimport _ \"kassa/store/sqlite\"\n", "sim may not import kassa/store/sqlite"},
		{"the command is imported", "app/bad.go", doc + "import _ \"kassa/cmd/kassa\"\n", "app may not import kassa/cmd/kassa"},
		{"folder without a row", "shop/shop.go", doc, "shop: no row in the table"},
		{"reader that writes", "api/bad.go", "package api\nimport s \"kassa/store\"\ntype W = s.Store\n", "api/bad.go:3: api may not use store.Store"},
		{"pure with context", "money/bad.go", "package money\nimport _ \"context\"\n", "money/bad.go: money is pure and may not import context"},
		{"pure with a package below os", "money/bad.go", "package money\nimport _ \"os/exec\"\n", "may not import os/exec"},
		{"pure with randomness", "money/bad.go", "package money\nimport _ \"math/rand/v2\"\n", "may not import math/rand/v2"},
		{"pure that asks the clock", "money/bad.go", "package money\nimport clock \"time\"\nvar now = clock.Now\n", "money/bad.go:3: money is pure and may not use time.Now"},
		{"pure that makes an id", "checkout/bad.go", "package checkout\nimport \"github.com/google/uuid\"\nvar id = uuid.New()\n", "may not use github.com/google/uuid.New"},
		{"pure with a dot import", "money/bad.go", "package money\nimport . \"time\"\nvar now = Now()\n", "may not import time by a dot"},
		{"pure that starts a goroutine", "money/bad.go", "package money\nfunc f() { go f() }\n", "money/bad.go:2: money is pure and may not start goroutines"},
		{"pure below a pure one", "money/fx/fx.go", "// Package fx must not know.\npackage fx\nimport _ \"sync\"\n", "money/fx is pure and may not import sync"},
		{"no package comment", "invoice/bad.go", "package invoice\n", "invoice: no comment says what the package must not know"},
		{"package comment without limits", "invoice/bad.go", "// Package invoice knows all.\npackage invoice\n", "invoice: no comment says"},
		{"adapter without registration", "hold/redis/redis.go", "// Package redis must not know.\npackage redis\n", "hold/redis: not registered in cmd/kassa/adapters.go"},
		{"adapter imported for nothing", "cmd/kassa/adapters.go", doc + "import _ \"kassa/store/sqlite\"\nimport _ \"kassa/store/memory\"\n", "store/sqlite: not registered"},
		{"adapter without its suite", "store/sqlite/sqlite_test.go", "package sqlite\nimport _ \"kassa/store/storetest\"\n", "store/sqlite: no test calls storetest.Run"},
		{"suite of another port", "store/sqlite/sqlite_test.go", "package sqlite\nimport storetest \"kassa/hold/holdtest\"\nfunc Test() { storetest.Run() }\n", "store/sqlite: no test calls storetest.Run"},
		{"too deep", "web/a/b/c/style.css", "", "web/a/b/c: deeper than 3 folders"},
		{"vague name", "engine/utils/x.go", "// Package utils must not know.\npackage utils\n", "engine/utils: utils says nothing"},
		{"long file", "app/long.go", doc + strings.Repeat("\n", maxLines), "app/long.go: 702 lines, more than 700"},
		{"init", "app/init.go", doc + "func init() {}\n", "app/init.go:3: init runs behind main's back"},
		{"path of a workplace", "docs/a.md", "Look in `/" + "work/x`.", "docs/a.md:1: names a path of one machine"},
		{"path of root", "a.sh", "\n\ncd /" + "root/x", "a.sh:3: names a path of one machine"},
		{"host of a registry", "web/lock.json", "\"https://" + "registry.example.org/x\"", "web/lock.json:1: names the host of a package registry"},
		{"setting of a registry", "a.sh", "export GO" + "PROXY=x", "a.sh:1: names the host of a package registry"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			files := good()
			files[test.file] = &fstest.MapFile{Data: []byte(test.content)}
			require.Contains(t, checkAll(t, files), test.finding)
		})
	}
}

func TestTidyLetsGeneratedFilesBeLong(t *testing.T) {
	t.Parallel()
	files := good()
	files["app/long.go"] = &fstest.MapFile{Data: []byte("// Code generated by templ - DO NOT EDIT.\n\n// Package app must not know.\npackage app\n" + strings.Repeat("\n", maxLines))}
	require.Empty(t, checkAll(t, files))
}
