package kassa

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// tree is a repository, read once for all rules.
type tree struct {
	texts   map[string][]byte // every file but binary ones
	folders []folder          // those with Go files, sorted
}

type folder struct {
	name  string // "" is the root
	files []goFile
}

type goFile struct {
	name   string
	ast    *ast.File
	tokens *token.FileSet
	lines  int
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.name, "_test.go") }

func (f goFile) line(node ast.Node) int { return f.tokens.Position(node.Pos()).Line }

// loadTree reads the named files and parses the Go files among them, but for
// those in testdata, which Go does not build either.
func loadTree(fsys fs.FS, names []string) (*tree, error) {
	loaded := &tree{texts: map[string][]byte{}}
	byFolder := map[string][]goFile{}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		loaded.texts[name] = text
		if path.Ext(name) != ".go" || inTestdata(name) {
			continue
		}
		file, err := parseFile(name, text)
		if err != nil {
			return nil, err
		}
		byFolder[folderOf(name)] = append(byFolder[folderOf(name)], file)
	}
	for name, files := range byFolder {
		loaded.folders = append(loaded.folders, folder{name, files})
	}
	slices.SortFunc(loaded.folders, func(a, b folder) int { return strings.Compare(a.name, b.name) })
	return loaded, nil
}

func parseFile(name string, text []byte) (goFile, error) {
	tokens := token.NewFileSet()
	parsed, err := parser.ParseFile(tokens, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return goFile{name, parsed, tokens, bytes.Count(text, []byte("\n"))}, err
}

func folderOf(file string) string {
	if dir := path.Dir(file); dir != "." {
		return dir
	}
	return ""
}

func inTestdata(name string) bool {
	return slices.Contains(strings.Split(name, "/"), "testdata")
}

// find returns the folder of a name, or an empty one.
func (t *tree) find(name string) folder {
	for _, f := range t.folders {
		if f.name == name {
			return f
		}
	}
	return folder{name: name}
}

// code returns the files of a folder that are not tests.
func (f folder) code() []goFile {
	return slices.DeleteFunc(slices.Clone(f.files), goFile.isTest)
}

// eachCode calls visit with every file that is not a test.
func (t *tree) eachCode(visit func(folder, goFile)) {
	for _, f := range t.folders {
		for _, file := range f.code() {
			visit(f, file)
		}
	}
}

func importPath(spec *ast.ImportSpec) string { return strings.Trim(spec.Path.Value, "`\"") }

// importName returns the name under which a file uses an import, "_" and "."
// included.
func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	base := path.Base(importPath(spec))
	if versionElement.MatchString(base) {
		base = path.Base(path.Dir(importPath(spec)))
	}
	return base
}

var versionElement = regexp.MustCompile(`^v[0-9]+$`)

// uses returns each node where a file uses one of the names of an import.
func (f goFile) uses(imported string, names []string) []*ast.SelectorExpr {
	local := ""
	for _, spec := range f.ast.Imports {
		if importPath(spec) == imported {
			local = importName(spec)
		}
	}
	var found []*ast.SelectorExpr
	ast.Inspect(f.ast, func(node ast.Node) bool {
		if use, ok := node.(*ast.SelectorExpr); ok {
			from, ok := use.X.(*ast.Ident)
			if ok && from.Name == local && slices.Contains(names, use.Sel.Name) {
				found = append(found, use)
			}
		}
		return true
	})
	return found
}

// within tells whether a path is a prefix's or lies below it.
func within(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

func withinAny(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return within(name, prefix) })
}

// portOf returns the port of an adapter's or a suite's folder.
func portOf(folder string) (port string, isSuite, ok bool) {
	port, rest, ok := strings.Cut(folder, "/")
	if !ok || !slices.Contains(ports, port) {
		return "", false, false
	}
	return port, rest == port+"test", true
}

func isAdapter(folder string) bool {
	_, isSuite, ok := portOf(folder)
	return ok && !isSuite && strings.Count(folder, "/") == 1
}

// rowOf returns the row that a folder follows and the folder that it belongs
// to: its own, or that of the nearest folder above.
func rowOf(folder string) (found row, family string, ok bool) {
	for family = folder; ; family = folderOf(family) {
		if found, ok = table[family]; ok {
			return found, family, family != "" || folder == ""
		}
		if port, isSuite, ok := portOf(family); ok && strings.Count(family, "/") == 1 {
			key := "<port>/<adapter>"
			if isSuite {
				key = "<port>/<port>test"
			}
			found = table[key]
			found.folders = strings.ReplaceAll(found.folders, "port ", port+" ")
			return found, family, true
		}
	}
}

func importsFollowTheTable(t *tree) []string {
	var found []string
	t.eachCode(func(f folder, file goFile) {
		allowed, family, ok := rowOf(f.name)
		if !ok {
			return // foldersAreFlat tells
		}
		for _, spec := range file.ast.Imports {
			if imported := importPath(spec); !mayImport(allowed, family, imported) {
				found = append(found, fmt.Sprintf("%s: %s may not import %s", file.name, f.name, imported))
			}
		}
	})
	return found
}

func mayImport(allowed row, family, imported string) bool {
	ours, isOurs := strings.CutPrefix(imported, "kassa/")
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case imported == "kassa" || within(ours, "cmd"):
		return false
	case isOurs && family == "sim":
		return !isAdapter(ours) || slices.Contains(simulated, ours)
	case isOurs:
		return allowed.folders == anything || isRelative(ours, family) || slices.Contains(strings.Fields(allowed.folders), ours)
	case !strings.Contains(first, "."): // the standard library
		return true
	default:
		return allowed.libs == anything || withinAny(imported, strings.Fields(allowed.libs))
	}
}

// isRelative tells whether a folder lies in a family. A port has none: what
// lies below it implements it.
func isRelative(folder, family string) bool {
	return within(folder, family) && !slices.Contains(ports, family)
}

func readersOnlyRead(t *tree) []string {
	var found []string
	t.eachCode(func(f folder, file goFile) {
		if !withinAny(f.name, readers) {
			return
		}
		for _, use := range file.uses("kassa/store", writing) {
			found = append(found, fmt.Sprintf("%s:%d: %s may not use store.%s, only store.Reader", file.name, file.line(use), f.name, use.Sel.Name))
		}
	})
	return found
}

func purePackagesArePure(t *tree) []string {
	var found []string
	t.eachCode(func(f folder, file goFile) {
		if !withinAny(f.name, strings.Fields(pure)) {
			return
		}
		for _, what := range impurities(file) {
			found = append(found, strings.Replace(what, "PACKAGE", f.name+" is pure and", 1))
		}
	})
	return found
}

func impurities(file goFile) []string {
	var found []string
	for _, spec := range file.ast.Imports {
		if withinAny(importPath(spec), impure) {
			found = append(found, fmt.Sprintf("%s: PACKAGE may not import %s", file.name, importPath(spec)))
		}
		if importName(spec) == "." {
			found = append(found, fmt.Sprintf("%s: PACKAGE may not import %s by a dot, which hides what it uses", file.name, importPath(spec)))
		}
	}
	for imported, names := range unpredictable {
		for _, use := range file.uses(imported, names) {
			found = append(found, fmt.Sprintf("%s:%d: PACKAGE may not use %s.%s", file.name, file.line(use), imported, use.Sel.Name))
		}
	}
	ast.Inspect(file.ast, func(node ast.Node) bool {
		if start, ok := node.(*ast.GoStmt); ok {
			found = append(found, fmt.Sprintf("%s:%d: PACKAGE may not start goroutines", file.name, file.line(start)))
		}
		return true
	})
	return found
}

func packagesSayWhatTheyMustNotKnow(t *tree) []string {
	var found []string
	for _, f := range t.folders {
		saysSo := func(file goFile) bool {
			words := strings.Join(strings.Fields(file.ast.Doc.Text()), " ")
			return strings.Contains(strings.ToLower(words), "must not know")
		}
		if len(f.code()) > 0 && !slices.ContainsFunc(f.code(), saysSo) {
			found = append(found, fmt.Sprintf("%s: no comment says what the package must not know", f.name))
		}
	}
	return found
}

// adaptersAreRegistered looks from each adapter to the command's list and to
// its port's suite. Without a command there is no list yet.
func adaptersAreRegistered(t *tree) []string {
	var found []string
	command := t.find("cmd/kassa")
	for _, f := range t.folders {
		if !isAdapter(f.name) || len(f.code()) == 0 {
			continue
		}
		if len(command.files) > 0 && !registers(command, f.name) {
			found = append(found, fmt.Sprintf("%s: not registered in cmd/kassa/adapters.go", f.name))
		}
		port, _, _ := portOf(f.name)
		if !callsSuite(f, port) {
			found = append(found, fmt.Sprintf("%s: no test calls %stest.Run", f.name, port))
		}
	}
	return found
}

func registers(command folder, adapter string) bool {
	for _, file := range command.files {
		if file.name != "cmd/kassa/adapters.go" {
			continue
		}
		for _, spec := range file.ast.Imports {
			// An import under a name must be used, or Go refuses to build it.
			if importPath(spec) == "kassa/"+adapter && importName(spec) != "_" {
				return true
			}
		}
	}
	return false
}

func callsSuite(adapter folder, port string) bool {
	for _, file := range adapter.files {
		suite := path.Join("kassa", port, port+"test")
		if file.isTest() && len(file.uses(suite, []string{"Run"})) > 0 {
			return true
		}
	}
	return false
}

func foldersAreFlat(t *tree) []string {
	var found []string
	for _, f := range t.folders {
		if _, _, ok := rowOf(f.name); !ok {
			found = append(found, fmt.Sprintf("%s: no row in the table of tidy_test.go; add it with what it may import", f.name))
		}
	}
	for _, name := range t.allFolders() {
		parts := strings.Split(name, "/")
		if len(parts) > maxDepth {
			found = append(found, fmt.Sprintf("%s: deeper than %d folders", name, maxDepth))
		}
		for _, part := range parts {
			if slices.Contains(vague, part) {
				found = append(found, fmt.Sprintf("%s: %s says nothing; name the folder after what is in it", name, part))
			}
		}
	}
	return found
}

// allFolders returns every folder with a file in it, but for testdata.
func (t *tree) allFolders() []string {
	var names []string
	for name := range t.texts {
		if dir := folderOf(name); dir != "" && !inTestdata(dir) {
			names = append(names, dir)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func filesAreShort(t *tree) []string {
	var found []string
	for _, f := range t.folders {
		for _, file := range f.files {
			if file.lines > maxLines && !ast.IsGenerated(file.ast) {
				found = append(found, fmt.Sprintf("%s: %d lines, more than %d", file.name, file.lines, maxLines))
			}
		}
	}
	return found
}

func nothingAtInit(t *tree) []string {
	var found []string
	for _, f := range t.folders {
		for _, file := range f.files {
			for _, declared := range file.ast.Decls {
				function, ok := declared.(*ast.FuncDecl)
				if ok && function.Recv == nil && function.Name.Name == "init" {
					found = append(found, fmt.Sprintf("%s:%d: init runs behind main's back; call it from there", file.name, file.line(function)))
				}
			}
		}
	}
	return found
}

// The patterns are put together so that this file does not match itself.
var workplaces = []struct {
	pattern *regexp.Regexp
	finding string
}{
	{regexp.MustCompile(`(^|[\s"'(=:` + "`" + `])/` + `(work|root)/`), "names a path of one machine"},
	{regexp.MustCompile(`https?://` + `(registry|proxy|deb|mirrors?|packages)\.|GO` + `PROXY=`), "names the host of a package registry"},
}

func filesNameNoWorkplace(t *tree) []string {
	var found []string
	for name, text := range t.texts {
		number := 0
		for line := range bytes.Lines(text) {
			number++
			for _, workplace := range workplaces {
				if workplace.pattern.Match(line) {
					found = append(found, fmt.Sprintf("%s:%d: %s", name, number, workplace.finding))
				}
			}
		}
	}
	slices.Sort(found)
	return found
}
