package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// pace is an up from nothing with so many things at once: the best of all runs, in milliseconds.
type pace struct {
	Boxes  int     `json:"boxes"`
	AtOnce int     `json:"at_once"`
	Envy   float64 `json:"envy_ms"`
	Bare   float64 `json:"bare_ms"`
}

// sweep finds where the engine stops getting faster.
func (b bench) sweep(ctx context.Context, sizes, atOnce []int, runs int) (paces []pace, err error) {
	fmt.Printf("%6s  %8s %10s %10s %10s\n", "boxes", "at once", "envy", "bare API", "envy/bare")
	for _, n := range sizes {
		more, err := b.sweepOf(ctx, n, atOnce, runs)
		if err != nil {
			return nil, fmt.Errorf("%d boxes: %w", n, err)
		}
		for _, p := range more {
			fmt.Printf("%6d  %8d %10.0f %10.0f %10.2f\n", p.Boxes, p.AtOnce, p.Envy, p.Bare, p.Envy/p.Bare)
		}
		paces = append(paces, more...)
	}
	return paces, nil
}

func (b bench) sweepOf(ctx context.Context, n int, atOnce []int, runs int) (paces []pace, err error) {
	b.n = n
	clean, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	destroy := func() error { return b.all(b.command(ctx, "destroy", "--yes", "--volumes")) }
	if err := b.all(b.command(ctx, "up", "--yes"), b.bare(ctx, "learn", b.recipe, b.project())); err != nil {
		return nil, err
	}
	if err := destroy(); err != nil {
		return nil, err
	}
	for range runs {
		for _, p := range atOnce {
			at := strconv.Itoa(p)
			if err := b.time("envy "+at, b.command(ctx, "up", "--yes", "--parallel", at)); err != nil {
				return nil, err
			}
			if err := destroy(); err != nil {
				return nil, err
			}
			err := b.time("bare "+at, b.bare(ctx, "up", b.recipe, at))
			if downErr := b.all(b.bare(context.WithoutCancel(ctx), "down", b.recipe, "8")); err == nil {
				err = downErr
			}
			if err != nil {
				return nil, err
			}
		}
	}
	for _, p := range atOnce {
		at := strconv.Itoa(p)
		paces = append(paces, pace{n, p, slices.Min(b.times["envy "+at]), slices.Min(b.times["bare "+at])})
	}
	return paces, nil
}
