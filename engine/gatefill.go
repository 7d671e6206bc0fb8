package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"kassa/checkout"
	"kassa/hold"
	"kassa/inventory"
	"kassa/store"
)

// levelsAtOnce is how many levels are read in one snapshot.
const levelsAtOnce = 1000

// FillGate tells a gate what is for sale of every SKU, and returns how many there are.
// It may run beside a shop at work. hold.ErrBuilding: somebody else does it.
func FillGate(ctx context.Context, gate hold.Gate, reader store.Reader) (skus int, err error) {
	err = gate.Rebuild(ctx, func(put func([]hold.Level) error) error {
		return eachLevels(ctx, reader, func(levels []hold.Level) error {
			skus += len(levels)
			return put(levels)
		})
	})
	return skus, err
}

// eachLevels walks what is for sale, some SKUs at a time, each with the position of
// its snapshot.
func eachLevels(ctx context.Context, reader store.Reader, use func([]hold.Level) error) error {
	var after checkout.StockKey
	for limit := levelsAtOnce; ; {
		rows, position, err := snapshotLevels(ctx, reader, after, limit)
		if err != nil {
			return err
		}
		last := len(rows) < limit
		whole := rows
		if !last { // the last SKU may have more warehouses
			cut := rows[len(rows)-1].SKU
			whole = rows[:slices.IndexFunc(rows, func(l checkout.Level) bool { return l.SKU == cut })]
			if len(whole) == 0 {
				limit *= 2
				continue
			}
			after = whole[len(whole)-1].Key()
		}
		if levels := summed(whole, position); len(levels) > 0 {
			if err := use(levels); err != nil {
				return err
			}
		}
		if last {
			return nil
		}
	}
}

func snapshotLevels(ctx context.Context, reader store.Reader, after checkout.StockKey, limit int) (rows []checkout.Level, position int64, err error) {
	snapshot, err := reader.Snapshot(ctx)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	counters, err := snapshot.Counters(ctx)
	if err != nil {
		return nil, 0, err
	}
	rows, err = snapshot.Levels(ctx, after, limit)
	return rows, counters["events"], err
}

// summed adds the warehouses of each SKU.
func summed(rows []checkout.Level, position int64) (levels []hold.Level) {
	for from := 0; from < len(rows); {
		to := from
		for to < len(rows) && rows[to].SKU == rows[from].SKU {
			to++
		}
		levels = append(levels, hold.Level{SKU: rows[from].SKU, Available: inventory.Available(rows[from:to]), Position: position})
		from = to
	}
	return levels
}

// Drift is a SKU of which the gate says something else than the database.
type Drift struct {
	SKU      string
	Gate, DB int64 // units for sale
}

// onItsWay is how long after a commit the gate may not know of it.
const onItsWay = time.Second

// GateDrift compares a gate with the database, and what differs a second time a moment
// later: what was committed just now the gate learns just now. It heals by itself
// where somebody asks for the SKU, or by FillGate.
func GateDrift(ctx context.Context, gate hold.Gate, reader store.Reader) (drifts []Drift, skus int, err error) {
	err = eachLevels(ctx, reader, func(levels []hold.Level) error {
		skus += len(levels)
		suspects, err := differing(ctx, gate, levels)
		if err != nil || len(suspects) == 0 {
			return err
		}
		if err := sleep(ctx, onItsWay); err != nil {
			return err
		}
		still, err := stillDiffering(ctx, gate, reader, suspects)
		drifts = append(drifts, still...)
		return err
	})
	slices.SortFunc(drifts, func(a, b Drift) int { return strings.Compare(a.SKU, b.SKU) })
	return drifts, skus, err
}

// differing are the SKUs of which the gate knows something else. Those that it does
// not know it lets through.
func differing(ctx context.Context, gate hold.Gate, levels []hold.Level) (drifts []Drift, err error) {
	names := make([]string, len(levels))
	for i, l := range levels {
		names[i] = l.SKU
	}
	known, err := gate.Levels(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, l := range levels {
		if k, ok := known[l.SKU]; ok && k.Available != l.Available {
			drifts = append(drifts, Drift{SKU: l.SKU, Gate: k.Available, DB: l.Available})
		}
	}
	return drifts, nil
}

// stillDiffering are those of the suspects that differ in the same way as before.
func stillDiffering(ctx context.Context, gate hold.Gate, reader store.Reader, suspects []Drift) (still []Drift, err error) {
	var levels []hold.Level
	for _, s := range suspects {
		rows, err := reader.Levels(ctx, s.SKU)
		if err != nil {
			return nil, err
		}
		levels = append(levels, hold.Level{SKU: s.SKU, Available: inventory.Available(rows)})
	}
	again, err := differing(ctx, gate, levels)
	return slices.DeleteFunc(again, func(d Drift) bool { return !slices.Contains(suspects, d) }), err
}
