package money_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"kassa/money"
)

func TestLiteralKeepsTheText(t *testing.T) {
	t.Parallel()
	tests := []struct{ body, want string }{
		{`{"amount": 999.0}`, "999.0"},
		{`{"amount": "999.00"}`, "999.00"},
		{`{"amount": 9.99e2}`, "9.99e2"},
		{`{"amount": -0}`, "-0"},
		{`{"amount": 92233720368547758.07}`, "92233720368547758.07"},
		{`{"amount": 0.1000000000000000055511151231257827}`, "0.1000000000000000055511151231257827"},
		{`{"amount": "\u0031.5"}`, "1.5"},
		{`{"amount": ""}`, ""},
		{`{"amount": " 1"}`, " 1"},
		{`{}`, "before"},
	}
	for _, test := range tests {
		request := struct{ Amount money.Literal }{Amount: "before"}
		require.NoError(t, json.Unmarshal([]byte(test.body), &request), test.body)
		require.Equal(t, money.Literal(test.want), request.Amount, test.body)
	}
}

func TestLiteralRefusesOtherTokens(t *testing.T) {
	t.Parallel()
	for _, token := range []string{`null`, `true`, `[1]`, `{"value": 1}`} {
		literal := money.Literal("before")
		require.ErrorIs(t, json.Unmarshal([]byte(token), &literal), money.ErrSyntax, token)
		require.Equal(t, money.Literal("before"), literal, token)
	}
	for _, data := range []string{``, `"`, `"1`, `1x`, `1 2`, `01`, `+1`, `abc`} {
		literal := money.Literal("before")
		require.ErrorIs(t, literal.UnmarshalJSON([]byte(data)), money.ErrSyntax, data)
	}
}

func TestLiteralIsWrittenAsString(t *testing.T) {
	t.Parallel()
	for _, literal := range []money.Literal{"999.00", "9.99e2", `a "quote"`, ""} {
		written, err := json.Marshal(literal)
		require.NoError(t, err)
		require.Equal(t, byte('"'), written[0])
		var read money.Literal
		require.NoError(t, json.Unmarshal(written, &read))
		require.Equal(t, literal, read)
	}
}

func TestLiteralMoney(t *testing.T) {
	t.Parallel()
	got, err := money.Literal("9.99e2").Money("INR")
	require.NoError(t, err)
	require.Equal(t, money.New(99900, "INR"), got)

	_, err = money.Literal("9.5").Money("JPY")
	var digits *money.DigitsError
	require.ErrorAs(t, err, &digits)
	_, err = money.Literal("").Money("INR")
	require.ErrorIs(t, err, money.ErrSyntax)
}
