package view

import (
	"fmt"
	"time"

	"github.com/docker/go-units"
)

// Bytes shows a size as Docker does, in powers of 1000: 1.2GB.
func Bytes(n int64) string {
	if n < 0 {
		return "-" + Bytes(-n)
	}
	return units.HumanSizeWithPrecision(float64(n), 3)
}

// Used shows how much memory is used, in the powers of 1024 in which limits of memory are written: 12.5MiB.
func Used(n int64) string { return units.BytesSize(float64(n)) }

// Memory shows a size as an Envfile writes memory, in powers of 1024: 512m, 2g.
func Memory(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 40, "t"}, {1 << 30, "g"}, {1 << 20, "m"}, {1 << 10, "k"}} {
		if n != 0 && n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%db", n)
}

// Duration shows how long something took, to about two figures: 40ms, 1.2s, 34s, 2m05s, 3h10m, 2d4h.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Duration(-d)
	case d < 100*time.Millisecond:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 9950*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
}
