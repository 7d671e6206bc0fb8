package saga_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/saga"
)

// The saga of one order: what is done, what undoes it, whose task it is at a gateway,
// and what its failure leads to.
func ExampleStep() {
	for _, s := range saga.Steps {
		fmt.Printf("%-23s| %-23s| %-17s| %s\n", s.Name, s.Compensation, s.Task, s.Class)
	}
	// Output:
	// hold stock             | release stock          |                  | compensatable
	// create order           | expire or cancel order |                  | compensatable
	// initiate payment       | close payment          | initiate_payment | compensatable
	// learn outcome          | close payment          | look_up_payment  | compensatable
	// payment succeeds       | refund payment         |                  | pivot
	// claim stock            | restock                |                  | retriable
	// confirm order          |                        |                  | retriable
	// number invoice         |                        |                  | retriable
	// capture payment        | void payment           | capture_payment  | retriable
	// close payment          |                        | close_payment    | retriable
	// void payment           |                        | void_payment     | retriable
	// refund payment         |                        | refund_payment   | retriable
	// learn refund           |                        | look_up_refund   | retriable
	// find webhook's payment |                        | retry_webhook    | retriable
}

// taskKinds reads the kinds of task from their declaration, so that none can be
// forgotten here.
func taskKinds(t *testing.T) []checkout.TaskKind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../checkout/task.go", nil, 0)
	require.NoError(t, err)
	var kinds []checkout.TaskKind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "TaskKind" {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		require.True(t, ok)
		text, err := strconv.Unquote(literal.Value)
		require.NoError(t, err)
		kinds = append(kinds, checkout.TaskKind(text))
		return true
	})
	require.GreaterOrEqual(t, len(kinds), 9)
	return kinds
}

// TestEveryTaskIsOneStep: the table stays honest. Only an attention item is nobody's
// step.
func TestEveryTaskIsOneStep(t *testing.T) {
	t.Parallel()
	for _, kind := range taskKinds(t) {
		steps := 0
		for _, s := range saga.Steps {
			if s.Task == kind {
				steps++
			}
		}
		want := 1
		if kind == checkout.TaskAttend {
			want = 0
		}
		require.Equal(t, want, steps, kind)
		_, known := saga.StepOf(kind)
		require.Equal(t, want == 1, known, kind)
	}
	_, known := saga.StepOf("")
	require.False(t, known)
}

// TestStepsTurnOnOnePivot: before it a step can be undone, after it one is retried.
func TestStepsTurnOnOnePivot(t *testing.T) {
	t.Parallel()
	class := saga.Compensatable
	pivots := 0
	for _, s := range saga.Steps {
		if s.Class == saga.Pivot {
			pivots, class = pivots+1, saga.Retriable
			continue
		}
		require.Equal(t, class, s.Class, s.Name)
		require.True(t, class == saga.Retriable || s.Compensation != "", s.Name)
	}
	require.Equal(t, 1, pivots)
}

// TestUndoIsAStep: a compensation that needs a gateway is itself a step.
func TestUndoIsAStep(t *testing.T) {
	t.Parallel()
	for _, s := range saga.Steps {
		if s.Undo != "" {
			undo, known := saga.StepOf(s.Undo)
			require.True(t, known, s.Name)
			require.Equal(t, s.Compensation, undo.Name)
		}
	}
}
