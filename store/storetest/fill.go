package storetest

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kassa/checkout"
	"kassa/money"
)

// epoch is when the rows of the suite are from: long past on any clock.
var epoch = time.Date(2024, 2, 29, 10, 20, 30, 123456000, time.UTC)

var counter atomic.Uint64

// newID makes a new id of a time.
func newID(at time.Time) checkout.ID {
	var random [10]byte
	binary.BigEndian.PutUint64(random[2:], counter.Add(1))
	return checkout.NewID(at, random)
}

// Where a column takes certain values only, these are they.
var valid = map[reflect.Type][]any{
	reflect.TypeFor[checkout.OrderStatus]():   {checkout.OrderPending, checkout.OrderAwaitingPayment, checkout.OrderConfirmed},
	reflect.TypeFor[checkout.HoldStatus]():    {checkout.HoldOpen, checkout.HoldClaimed},
	reflect.TypeFor[checkout.PaymentStatus](): {checkout.PaymentPending, checkout.PaymentSucceeded},
	reflect.TypeFor[checkout.RefundStatus]():  {checkout.RefundPending, checkout.RefundSucceeded},
	reflect.TypeFor[checkout.RefundOrigin]():  {checkout.RefundByMerchant, checkout.RefundByGateway},
	reflect.TypeFor[checkout.WebhookStatus](): {checkout.WebhookReceived, checkout.WebhookApplied},
	reflect.TypeFor[checkout.Method]():        {checkout.MethodCard, checkout.MethodUPI},
	reflect.TypeFor[checkout.TaskKind]():      {checkout.TaskInitiate, checkout.TaskRefund},
	reflect.TypeFor[checkout.KeyScope]():      {checkout.ScopeServer, checkout.ScopeStorefront},
	reflect.TypeFor[money.Currency]():         {money.Currency("INR"), money.Currency("KWD"), money.Currency("JPY")},
}

// filled makes a value in which no field is zero and no two are alike, so that
// a forgotten or mistaken column shows.
func filled[T any](t *testing.T) T {
	t.Helper()
	var value T
	fill(reflect.ValueOf(&value).Elem())
	requireNoZero(t, reflect.ValueOf(value), fmt.Sprintf("%T", value))
	return value
}

func fill(v reflect.Value) {
	n := counter.Add(1)
	if choices, found := valid[v.Type()]; found {
		v.Set(reflect.ValueOf(choices[n%uint64(len(choices))]))
		return
	}
	switch v.Type() {
	case reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(epoch.Add(time.Duration(n) * 1001 * time.Microsecond)))
		return
	case reflect.TypeFor[checkout.ID]():
		v.Set(reflect.ValueOf(newID(epoch)))
		return
	}
	fillKind(v, n)
}

func fillKind(v reflect.Value, n uint64) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text-%d-‘ü’\"\\", n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Uint8:
		v.SetUint(n%255 + 1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface: // the data of an event
		v.Set(reflect.ValueOf(fmt.Sprintf("data-%d", n)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Array, reflect.Slice, reflect.Map, reflect.Struct:
		fillParts(v)
	default:
		panic("the suite does not know how to fill a " + v.Type().String())
	}
}

func fillParts(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for v.Len() < 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key)
			fill(value)
			v.SetMapIndex(key, value)
		}
	default:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

// requireNoZero fails where a field was left zero: the filling would not show
// that its column is missing.
func requireNoZero(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	require.False(t, v.IsZero(), "%s is zero", path)
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct || v.Type() == reflect.TypeFor[time.Time]() {
		return
	}
	for i := range v.NumField() {
		requireNoZero(t, v.Field(i), path+"."+v.Type().Field(i).Name)
	}
}

// keep copies the fields that an update never changes.
func keep[T any](t *testing.T, to, from *T, names ...string) {
	t.Helper()
	target, source := reflect.ValueOf(to).Elem(), reflect.ValueOf(from).Elem()
	for i := range target.NumField() {
		if slices.Contains(names, target.Type().Field(i).Name) {
			target.Field(i).Set(source.Field(i))
		}
	}
	for _, name := range names {
		require.True(t, target.FieldByName(name).IsValid(), "%T has no field %s", *to, name)
	}
}
