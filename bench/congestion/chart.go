package congestion

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"switchyard/media"
)

// The chart's geometry, in pixels.
const (
	chartWidth   = 760
	rateHeight   = 220
	queueHeight  = 90
	marginLeft   = 58
	marginRight  = 14
	marginTop    = 44
	marginMiddle = 26
	marginBottom = 34
	points       = 500 // of a line
)

var colours = []string{"#1f6feb", "#d1481f", "#2f8f4e", "#8a4fd3", "#b07900"}

// chart draws one run: rates above, queueing delay below.
type chart struct {
	strings.Builder
	end  time.Duration
	top  float64 // of the rates, bit/s
	wait float64 // of the delays, ms
}

// Chart returns the run as an SVG document.
func (r *Result) Chart() string {
	c := &chart{end: r.end}
	for _, l := range r.capacities() {
		c.top = max(c.top, slices.Max(l))
	}
	c.top *= 1.1
	for _, f := range r.records() {
		for _, d := range f.delays {
			c.wait = max(c.wait, float64(d.wait.Milliseconds()))
		}
	}
	c.wait = max(math.Ceil(c.wait/100)*100, 100)
	height := marginTop + rateHeight + marginMiddle + queueHeight + marginBottom
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" fill="#333">`+"\n", chartWidth, height)
	fmt.Fprintf(c, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", chartWidth, height)
	fmt.Fprintf(c, `<text x="%d" y="17" font-size="14" font-weight="bold">%s</text>`+"\n", marginLeft, r.Scenario.Title)
	c.axes()
	r.draw(c)
	c.WriteString("</svg>\n")
	return c.String()
}

// draw adds the lines and their legend.
func (r *Result) draw(c *chart) {
	x := float64(marginLeft)
	legend := func(colour, dash, name string) {
		fmt.Fprintf(c, `<path d="M%.0f 31h18" stroke="%s" stroke-width="2" stroke-dasharray="%s"/><text x="%.0f" y="35">%s</text>`+"\n", x, colour, dash, x+23, name)
		x += 36 + 6.2*float64(len(name))
	}
	for i, l := range r.capacities() {
		dash := []string{"", "6 3"}[min(i, 1)]
		c.line(l, c.rateY, "#999", 1.5, dash)
		legend("#999", dash, []string{"capacity", "capacity of the way back"}[min(i, 1)])
	}
	for _, t := range r.tcp {
		c.line(c.sample(func(from, to time.Duration) float64 { return t.rate(from, to) }), c.rateY, "#777", 1, "2 2")
		legend("#777", "2 2", t.name)
	}
	for i, f := range r.media {
		colour := colours[i%len(colours)]
		c.line(c.sample(func(from, to time.Duration) float64 { return f.rec.rate(from, to) }), c.rateY, colour, 1.5, "")
		legend(colour, "", f.rec.name)
		if len(r.media) == 1 {
			c.line(c.sample(f.rec.targetAt), c.rateY, "#e8973a", 1, "")
			legend("#e8973a", "", "estimate")
		}
		c.line(c.sample(f.rec.longestWait), c.waitY, colour, 1, "")
	}
}

// sample evaluates f over each of the chart's points.
func (c *chart) sample(f func(from, to time.Duration) float64) []float64 {
	step := max(c.end/points, sampleEvery).Round(sampleEvery)
	var out []float64
	for t := time.Duration(0); t+step <= c.end; t += step {
		out = append(out, f(t, t+step))
	}
	return out
}

func (c *chart) line(values []float64, y func(float64) float64, colour string, width float64, dash string) {
	fmt.Fprintf(c, `<polyline fill="none" stroke="%s" stroke-width="%g" stroke-dasharray="%s" points="`, colour, width, dash)
	for i, v := range values {
		x := marginLeft + float64(chartWidth-marginLeft-marginRight)*float64(i)/float64(len(values))
		fmt.Fprintf(c, "%.1f,%.1f ", x, y(v))
	}
	c.WriteString("\"/>\n")
}

func (c *chart) rateY(v float64) float64 {
	return marginTop + rateHeight*(1-min(v/c.top, 1))
}

func (c *chart) waitY(v float64) float64 {
	return marginTop + rateHeight + marginMiddle + queueHeight*(1-min(v/c.wait, 1))
}

// axes draws the frames and their scales.
func (c *chart) axes() {
	right := chartWidth - marginRight
	grid := func(y float64, label string) {
		fmt.Fprintf(c, `<path d="M%d %.1fH%d" stroke="#e4e4e4"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", marginLeft, y, right, marginLeft-6, y+4, label)
	}
	step := nice(c.top / 4)
	for v := 0.0; v <= c.top; v += step {
		grid(c.rateY(v), fmt.Sprintf("%g", v/1e6))
	}
	for v := 0.0; v <= c.wait; v += nice(c.wait / 2) {
		grid(c.waitY(v), fmt.Sprintf("%g", v))
	}
	bottom := marginTop + rateHeight + marginMiddle + queueHeight
	for t := time.Duration(0); t <= c.end; t += time.Duration(nice(c.end.Seconds()/8)) * time.Second {
		x := marginLeft + float64(right-marginLeft)*float64(t)/float64(c.end)
		fmt.Fprintf(c, `<path d="M%.1f %dv%d" stroke="#f0f0f0"/><text x="%.1f" y="%d" text-anchor="middle">%g s</text>`+"\n", x, marginTop, bottom-marginTop, x, bottom+16, t.Seconds())
	}
	fmt.Fprintf(c, `<text x="14" y="%d" transform="rotate(-90 14 %d)" text-anchor="middle">Mbit/s</text>`+"\n", marginTop+rateHeight/2, marginTop+rateHeight/2)
	fmt.Fprintf(c, `<text x="14" y="%d" transform="rotate(-90 14 %d)" text-anchor="middle">queue, ms</text>`+"\n", bottom-queueHeight/2, bottom-queueHeight/2)
}

// nice rounds up to 1, 2 or 5 times a power of ten.
func nice(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*p {
			return m * p
		}
	}
	return 10 * p
}

// capacities are the rates of the links over time, as points of the chart.
func (r *Result) capacities() [][]float64 {
	var all [][]float64
	c := chart{end: r.end}
	for _, l := range r.links {
		all = append(all, c.sample(func(from, _ time.Duration) float64 { return float64(l.rateAt(from)) }))
	}
	return all
}

func (l *link) rateAt(t time.Duration) media.Bitrate {
	rate := l.changes[0].rate
	for _, c := range l.changes {
		if c.at <= t {
			rate = c.rate
		}
	}
	return rate
}

// targetAt is the estimate at a time.
func (r *flowRecord) targetAt(from, _ time.Duration) float64 {
	i := int(from/sampleEvery) - r.firstSample
	if i < 0 || i >= len(r.target) {
		return 0
	}
	return r.target[i]
}

// longestWait is the longest queueing delay in a span, in ms.
func (r *flowRecord) longestWait(from, to time.Duration) float64 {
	longest := time.Duration(0)
	for ; r.drawn < len(r.delays) && r.delays[r.drawn].at < media.Time(to); r.drawn++ {
		longest = max(longest, r.delays[r.drawn].wait)
	}
	return float64(longest.Milliseconds())
}
