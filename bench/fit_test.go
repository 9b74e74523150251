package main

import (
	"math"
	"strings"
	"testing"
)

func TestAStraightLineIsFoundAgain(t *testing.T) {
	f := fitLine([]float64{1, 2, 4, 8, 16}, []float64{13, 16, 22, 34, 58})
	if math.Abs(f.at-10) > 1e-9 || math.Abs(f.slope-3) > 1e-9 || math.Abs(f.r2-1) > 1e-9 {
		t.Errorf("got %+v, want 10 + 3·x, R² = 1", f)
	}
	if got, want := f.String(), "10.0 + 3.00·x, R² = 1.0000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatLiesBesideALineLowersItsRSquared(t *testing.T) {
	f := fitLine([]float64{0, 1, 2, 3}, []float64{1, 0, 3, 2})
	// means 1.5 and 1.5; Sxx 5, Sxy 3, Syy 5
	if math.Abs(f.slope-0.6) > 1e-9 || math.Abs(f.at-0.6) > 1e-9 || math.Abs(f.r2-0.36) > 1e-9 {
		t.Errorf("got %+v, want 0.6 + 0.6·x, R² = 0.36", f)
	}
}

func TestALevelLineHasNoRSquared(t *testing.T) {
	f := fitLine([]float64{1, 2, 3}, []float64{5, 5, 5})
	if f.at != 5 || f.slope != 0 || !strings.Contains(f.String(), "undefined") {
		t.Errorf("got %+v, %s", f, f)
	}
}

func TestALineThatFallsIsWrittenWithAMinus(t *testing.T) {
	if got, want := fitLine([]float64{0, 1}, []float64{2, 1.5}).String(), "2.00 − 0.50·x, R² = 1.0000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFiguresHaveThreeDigitsThatCount(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.01234: "0.012", 0.8251: "0.83", 9.994: "9.99", 23.25: "23.2", 148.5: "148", 999.4: "999",
		1406.8: "1,407", 1234567: "1,234,567", -2500: "−2,500",
	} {
		if got := figure(v); got != want {
			t.Errorf("figure(%v) = %q, want %q", v, got, want)
		}
	}
}
