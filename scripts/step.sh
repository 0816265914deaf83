# Sourced: `step NAME COMMAND…` runs the command, says how long it took, and stops at a failure.
# `timings` prints what every step took.
STEP_LOG=()
step() {
  local name=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  if "$@"; then
    STEP_LOG+=("$(printf '%5ds  %s' $((SECONDS - start)) "$name")")
  else
    printf '\n== %s: FAILED after %ds\n' "$name" $((SECONDS - start))
    timings
    exit 1
  fi
}
timings() { printf '\n'; printf '%s\n' "${STEP_LOG[@]}"; }
