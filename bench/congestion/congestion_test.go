package congestion

import "testing"

// The test cases of RFC 8867 and our own, each with more than one seed: a figure that only one run of
// the dice meets is not met.
func TestScenarios(t *testing.T) {
	for _, sc := range Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 2; seed++ {
				for _, c := range sc.Run(seed).Checks {
					t.Logf("seed %d: %s: %s (%s)", seed, c.What, c, c.Want)
					if !c.OK {
						t.Errorf("seed %d: %s: %s, want %s", seed, c.What, c, c.Want)
					}
				}
			}
		})
	}
}
