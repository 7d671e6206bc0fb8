package engine

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
)

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestEveryFieldOfAnOrderCounts changes each field in turn: one that sameRow does
// not look at would never reach the database.
func TestEveryFieldOfAnOrderCounts(t *testing.T) {
	t.Parallel()
	apart := []string{"UpdatedAt", "Payments", "Refunds", "Details"} // rows of their own, or no change by itself
	fields := reflect.TypeFor[checkout.Order]()
	require.True(t, sameRow(&checkout.Order{}, &checkout.Order{}))
	for i := range fields.NumField() {
		var changed checkout.Order
		change(reflect.ValueOf(&changed).Elem().Field(i))
		name := fields.Field(i).Name
		require.Equal(t, slices.Contains(apart, name), sameRow(&checkout.Order{}, &changed), name)
	}
}

// change makes a value other than zero.
func change(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Array:
		change(v.Index(0))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct:
		if v.Type().PkgPath() == "time" {
			v.Set(reflect.ValueOf(day))
			return
		}
		change(v.Field(0))
	}
}
