package sandbox

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormBrackets(t *testing.T) {
	t.Parallel()
	f, err := parseForm("a=1&b[c]=2&b[d][e]=3&l[]=x&l[]=y&m[1][n]=two&m[0][n]=one&s=a%20b+c&empty=")
	require.NoError(t, err)
	require.Equal(t, "1", f.get("a"))
	require.Equal(t, "2", f.get("b", "c"))
	require.Equal(t, "3", f.get("b", "d", "e"))
	require.Equal(t, []string{"x", "y"}, f.texts("l"))
	require.Equal(t, "one", f.list("m")[0].get("n"))
	require.Equal(t, "two", f.list("m")[1].get("n"))
	require.Equal(t, "a b c", f.get("s"))
	require.True(t, f.has("empty"))
	require.False(t, f.has("absent"))
	require.Empty(t, f.get("b", "d", "e", "f"))
}

func TestFormRefusals(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"a=1&a[b]=2", "a[b]=2&a=1", "[a]=1", "a[b=1", "a]b=1", "a[b]c=1", "a[[b]]=1", "%zz=1", "a=%zz",
		"a" + strings.Repeat("[b]", 20) + "=1", strings.Repeat("a=1&", 2000)} {
		_, err := parseForm(raw)
		require.Error(t, err, raw)
	}
}

// FuzzForm: the parser survives anything, and what it read is written and read again as the same.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{"", "a=1", "a[b]=2&a[c][]=3", "a[]=1&a[]=2&a[0]=3", "a=1&a[b]=2", "%41=%20", "a[10]=1&a[9]=2", "a[]=1&a[][b]=2", "=", "&&", "a[]="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		first, err := parseForm(raw)
		if err != nil {
			return
		}
		text := first.encode()
		again, err := parseForm(text)
		require.NoError(t, err, text)
		require.Equal(t, first, again, text)
		_ = createIntentParams.validate(first, "")
		_ = createSessionParams.validate(first, "")
	})
}
