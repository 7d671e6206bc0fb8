package bench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"grouped":  grouped,
	"ms":       milliseconds,
	"percent":  func(share float64) string { return fmt.Sprintf("%.1f %%", share*100) },
	"settings": settingsText,
}).Parse(pageText))

// WriteHTML writes the result as one page that needs nothing from elsewhere.
func (res *Result) WriteHTML(w io.Writer) error {
	return pageTemplate.Execute(w, page{
		Result: res, Throughput: res.throughputPlot(), Latencies: res.latencyPlot(), Bars: res.roundPlot(), Usage: res.usagePlot(),
	})
}

type page struct {
	*Result
	Throughput linePlot
	Latencies  barPlot
	Bars       *barPlot // nil where nothing is compared
	Usage      []usageBar
}

// Headline is the step whose latency stands for the operation.
func (p page) Headline() Step {
	names := p.stepNames()
	return p.Steps[names[len(names)-1]]
}

// RatioText is how many times as fast it was, "" where nothing was compared.
func (p page) RatioText() string {
	if p.Ratio == nil {
		return ""
	}
	return fmt.Sprintf("%.1f", *p.Ratio)
}

// BaselineName is what the result was compared with.
func (p page) BaselineName() string { return p.baselineName() }

// MachineText is the machine in one line.
func (p page) MachineText() string { return p.Machine.text() }

// StepRow is a step with its name.
type StepRow struct {
	Name string
	Step
}

// StepRows are the steps of the result and of its baseline.
func (p page) StepRows() []StepRow {
	var rows []StepRow
	for _, name := range p.stepNames() {
		rows = append(rows, StepRow{name, p.Steps[name]})
		if p.Baseline != nil {
			rows = append(rows, StepRow{name + ", " + p.baselineName(), p.Baseline.Steps[name]})
		}
	}
	return rows
}

// Rows are the figures that have no plot.
func (p page) Rows() []row { return p.extras() }

// The plots' measures, in the pixels of their view boxes.
const (
	plotWidth   = 860.0
	plotHeight  = 240.0
	leftMargin  = 64.0
	rightMargin = 16.0
	topMargin   = 10.0
	lowMargin   = 26.0
)

type tick struct {
	At   float64
	Text string
}

type line struct {
	Name, Class, Path string
}

type linePlot struct {
	Width, Height, Left, Right, Bottom float64
	X, Y                               []tick
	Lines                              []line
}

// throughputPlot is operations in each second, beside those of the baseline.
func (res *Result) throughputPlot() linePlot {
	p := linePlot{Width: plotWidth, Height: plotHeight, Left: leftMargin, Right: plotWidth - rightMargin, Bottom: plotHeight - lowMargin}
	all := []line{{Name: res.Subject, Class: "ours"}}
	series := [][]int64{res.PerSecond}
	if res.Baseline != nil {
		all = append(all, line{Name: res.baselineName(), Class: "theirs"})
		series = append(series, res.Baseline.PerSecond)
	}
	most, longest := 1.0, 2
	for _, s := range series {
		longest = max(longest, len(s))
		for _, n := range s {
			most = max(most, float64(n))
		}
	}
	step := niceStep(most / 4)
	top := math.Ceil(most/step) * step
	y := func(v float64) float64 { return p.Bottom - v/top*(p.Bottom-topMargin) }
	x := func(i int) float64 { return p.Left + float64(i)/float64(longest-1)*(p.Right-p.Left) }
	for v := 0.0; v <= top; v += step {
		p.Y = append(p.Y, tick{y(v), grouped(v)})
	}
	every := max(int(niceStep(float64(longest)/8)), 1)
	for i := 0; i < longest; i += every {
		p.X = append(p.X, tick{x(i), fmt.Sprintf("%d s", i)})
	}
	for k, s := range series {
		var path strings.Builder
		for i, n := range s {
			_, _ = fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x(i), y(float64(n)))
		}
		all[k].Path = path.String()
	}
	p.Lines = all
	return p
}

// niceStep is the next 1, 2 or 5 times a power of ten.
func niceStep(about float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(max(about, 1e-9))))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= about {
			return f * power
		}
	}
	return 10 * power
}

func (res *Result) baselineName() string {
	if res.Baseline.Subject == res.Subject {
		return Calm
	}
	return res.Baseline.Subject
}

type bar struct {
	Y, Width   float64
	Class      string
	Label      string // left of it; "" for none
	Text       string // right of its end
	TextX      float64
	TextAnchor string
}

type barPlot struct {
	Width, Height, Left, Right float64
	BarHeight                  float64
	X                          []tick
	Bars                       []bar
}

const (
	barHeight = 11.0
	barGap    = 3.0
	groupGap  = 12.0
	barLeft   = 150.0
	barRight  = 92.0
)

// latencyPlot is the percentiles of each step on a logarithmic scale.
func (res *Result) latencyPlot() barPlot {
	p := barPlot{Width: plotWidth, Left: barLeft, Right: plotWidth - barRight, BarHeight: barHeight}
	low, high := math.Inf(1), 0.0
	sides := []*Result{res}
	if res.Baseline != nil {
		sides = append(sides, res.Baseline)
	}
	for _, side := range sides {
		for _, s := range side.Steps {
			low, high = min(low, max(s.P50, 0.001)), max(high, s.P999)
		}
	}
	from, to := math.Floor(math.Log10(low/2)), math.Ceil(math.Log10(max(high, low*10)))
	width := func(ms float64) float64 {
		return (math.Log10(max(ms, math.Pow(10, from))) - from) / (to - from) * (p.Right - p.Left)
	}
	y := 4.0
	for _, name := range res.stepNames() {
		for k, side := range sides {
			class, label := "ours", name
			if k > 0 {
				class, label = "theirs", ""
			}
			s := side.Steps[name]
			for i, v := range []float64{s.P50, s.P99, s.P999} {
				b := bar{Y: y, Width: width(v), Class: fmt.Sprintf("%s p%d", class, i), Text: []string{"p50 ", "p99 ", "p99.9 "}[i] + milliseconds(v)}
				if i == 0 {
					b.Label = label
				}
				p.add(b)
				y += barHeight + barGap
			}
		}
		y += groupGap
	}
	for e := from; e <= to; e++ {
		v := math.Pow(10, e)
		p.X = append(p.X, tick{p.Left + width(v), milliseconds(v)})
	}
	p.Height = y + lowMargin
	return p
}

// add puts a bar's text behind its end.
func (p *barPlot) add(b bar) {
	b.TextX, b.TextAnchor = p.Left+b.Width+6, "start"
	p.Bars = append(p.Bars, b)
}

// roundPlot is each round's rate beside the baseline's, nil where nothing was
// compared.
func (res *Result) roundPlot() *barPlot {
	if res.Baseline == nil {
		return nil
	}
	p := &barPlot{Width: plotWidth, Left: barLeft, Right: plotWidth - barRight, BarHeight: barHeight}
	most := 1.0
	for _, side := range []*Result{res, res.Baseline} {
		for _, v := range side.rates() {
			most = max(most, v)
		}
	}
	step := niceStep(most / 5)
	top := math.Ceil(most/step) * step
	y := 4.0
	for k, side := range []*Result{res, res.Baseline} {
		class, label := "ours", res.Subject
		if k > 0 {
			class, label = "theirs", res.baselineName()
		}
		for _, v := range side.rates() {
			p.add(bar{Y: y, Width: v / top * (p.Right - p.Left), Class: class + " p0", Label: label, Text: grouped(v) + "/s"})
			label = ""
			y += barHeight + barGap
		}
		y += groupGap
	}
	for v := 0.0; v <= top; v += step {
		p.X = append(p.X, tick{p.Left + v/top*(p.Right-p.Left), grouped(v)})
	}
	p.Height = y + lowMargin
	return p
}

func (res *Result) rates() []float64 {
	if len(res.Rounds) > 0 {
		return res.Rounds
	}
	return []float64{res.PerS}
}

// usageBar is where the cores' time went.
type usageBar struct {
	Name  string
	Parts []usagePart
}

type usagePart struct {
	Name    string
	Cores   float64
	Micros  float64
	Percent float64 // of all of the machine's cores
}

func (res *Result) usagePlot() []usageBar {
	sides := []*Result{res}
	if res.Baseline != nil {
		sides = append(sides, res.Baseline)
	}
	cores := 1.0
	if res.Machine != nil {
		cores = float64(res.Machine.Cores)
	}
	var out []usageBar
	for k, side := range sides {
		u := usageBar{Name: res.Subject}
		if k > 0 {
			u.Name = res.baselineName()
		}
		for _, part := range []struct {
			name        string
			used, micro *float64
		}{
			{"server", side.CPU.Server, side.CPUMicros.Server},
			{"generator", side.CPU.Generator, side.CPUMicros.Generator},
			{"database", side.CPU.Database, side.CPUMicros.Database},
		} {
			if part.used != nil && *part.used > 0 {
				u.Parts = append(u.Parts, usagePart{part.name, *part.used, *part.micro, min(*part.used/cores*100, 100)})
			}
		}
		out = append(out, u)
	}
	return out
}

func milliseconds(ms float64) string {
	switch {
	case ms >= 1000:
		return grouped(round(ms/1000)) + " s"
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.3g ms", ms)
}
