"""Run the N-body simulations behind the cosmology samples and the ``nbody-*`` models.

Each box is evolved twice with the particle-mesh code JaxPM from the *same* initial phases: once with
``--particles`` per axis (HR) and once with four times fewer per axis (LR). Slabs of both runs are
projected to density images in units of the mean density, rho / rho_mean = 1 + delta, so that a pair
shows what a cheaper simulation of the same universe would have given.

    pip install jax jaxpm jax-cosmo packaging numpy
    python scripts/simulate_nbody.py --out data/nbody

Cosmology: flat LCDM, Omega_m 0.30964, Omega_b 0.04897, h 0.6766, n_s 0.9665, sigma_8 0.8102.
Seeds 1-3 are the training boxes, 4 is for validation, 5 for tests; no phase is shared between them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import jax_cosmo as jc
import numpy as np
from jaxpm.distributed import uniform_particles
from jaxpm.pm import linear_field, lpt, make_ode_fn

OMEGA_M, OMEGA_B, HUBBLE, N_S, SIGMA_8 = 0.30964, 0.04897, 0.6766, 0.9665, 0.8102
SPLIT = {1: "train", 2: "train", 3: "train", 4: "val", 5: "test"}


def cosmology() -> jc.Cosmology:
    """Return the flat LCDM cosmology with an empty cache.

    jax-cosmo caches the growth factor on the object; computing a power spectrum first leaves a cache
    that JaxPM cannot use, so every caller gets a fresh object.
    """
    return jc.Cosmology(
        Omega_c=OMEGA_M - OMEGA_B, Omega_b=OMEGA_B, h=HUBBLE, n_s=N_S, sigma8=SIGMA_8,
        Omega_k=0.0, w0=-1.0, wa=0.0,
    )  # fmt: skip


def initial_field(*, mesh: int, box_size: float, seed: int) -> np.ndarray:
    """Draw the linear density field at a = 1, shape (mesh, mesh, mesh)."""
    k = jnp.logspace(-4, 2, 512)
    power = jc.power.linear_matter_power(cosmology(), k)
    shape, size = (mesh,) * 3, (box_size,) * 3

    def spectrum(x: jax.Array) -> jax.Array:
        return jnp.interp(x.reshape(-1), k, power).reshape(x.shape)

    return np.asarray(linear_field(shape, size, spectrum, seed=jax.random.PRNGKey(seed)))


def truncate_modes(field: np.ndarray, mesh: int) -> np.ndarray:
    """Keep the Fourier modes below the Nyquist frequency of a coarser mesh: the same phases, fewer of them."""
    n = field.shape[0]
    spectrum = np.fft.fftshift(np.fft.fftn(field))
    low = (n - mesh) // 2
    cut = spectrum[low : low + mesh, low : low + mesh, low : low + mesh].copy()
    cut[0], cut[:, 0], cut[:, :, 0] = 0, 0, 0  # the unpaired Nyquist planes of an even mesh
    return np.fft.ifftn(np.fft.ifftshift(cut)).real.astype(np.float32) * (mesh / n) ** 3


def evolve(field: np.ndarray, *, steps: int, a_start: float = 0.05) -> np.ndarray:
    """Move particles, one a mesh cell, from ``a_start`` to today; returns positions in mesh cells."""
    mesh = field.shape[0]
    cosmo = cosmology()
    particles = uniform_particles((mesh,) * 3)
    displacement, momentum, _ = lpt(cosmo, jnp.asarray(field), particles, a=a_start, order=2)
    positions = particles + displacement
    derivative = jax.jit(make_ode_fn((mesh,) * 3))
    scale_factors = np.linspace(a_start, 1.0, steps + 1)
    for a0, a1 in itertools.pairwise(scale_factors):
        # leapfrog, kick-drift-kick
        momentum = momentum + derivative((positions, momentum), a0, cosmo)[1] * (a1 - a0) / 2
        middle = (a0 + a1) / 2
        drift = 1.0 / (middle**3 * jnp.sqrt(jc.background.Esqr(cosmo, jnp.atleast_1d(middle))))
        positions = positions + drift * momentum * (a1 - a0)
        momentum = momentum + derivative((positions, momentum), a1, cosmo)[1] * (a1 - a0) / 2
    return np.asarray(positions).reshape(-1, 3) % mesh


def overlap(centres: np.ndarray, width: float, cell: np.ndarray) -> np.ndarray:
    """Share of a top-hat of ``width`` (in cells) around ``centres`` that falls into unit cell ``cell``."""
    share = np.minimum(centres + width / 2, cell + 1) - np.maximum(centres - width / 2, cell)
    return np.clip(share, 0, None) / width


def project(positions: np.ndarray, *, mesh: int, pixels: int, slabs: int, axis: int) -> np.ndarray:
    """Project slabs along ``axis`` to images of rho / rho_mean, shape (slabs, pixels, pixels).

    A particle is a cube as wide as the mean particle spacing, so that voids do not show single
    particles, whatever the pixel.
    """
    depth_axis, row_axis, column_axis = axis, *(i for i in range(3) if i != axis)
    # Mesh point i lies at i / mesh of the box in both runs (truncate_modes keeps the origin), so no
    # half-cell shift may enter here: it would differ between LR and HR and set the pair apart.
    depth = positions[:, depth_axis] * slabs / mesh
    rows = positions[:, row_axis] * pixels / mesh
    columns = positions[:, column_axis] * pixels / mesh
    slab_width, pixel_width = slabs / mesh, pixels / mesh
    reach = int(np.ceil(pixel_width / 2))
    images = np.zeros(slabs * pixels * pixels)
    for dz in (-1, 0, 1):
        cell_z = np.floor(depth) + dz
        weight_z = overlap(depth, slab_width, cell_z)
        for dy in range(-reach, reach + 1):
            cell_y = np.floor(rows) + dy
            weight_y = weight_z * overlap(rows, pixel_width, cell_y)
            for dx in range(-reach, reach + 1):
                cell_x = np.floor(columns) + dx
                weight = weight_y * overlap(columns, pixel_width, cell_x)
                used = weight > 0
                index = ((cell_z[used] % slabs) * pixels + cell_y[used] % pixels) * pixels + cell_x[used] % pixels
                images += np.bincount(index.astype(np.int64), weight[used], minlength=images.size)
    images = images.reshape(slabs, pixels, pixels)
    return (images / images.mean()).astype(np.float32)


def run(*, seed: int, particles: int, pixels: int, slabs: int, steps: int, box_size: float, out: Path) -> None:
    """Simulate one box twice and save its slices."""
    start = time.time()
    field = initial_field(mesh=particles, box_size=box_size, seed=seed)
    coarse = particles // 4
    hr_positions = evolve(field, steps=steps)
    lr_positions = evolve(truncate_modes(field, coarse), steps=steps)
    hr = [project(hr_positions, mesh=particles, pixels=pixels, slabs=slabs, axis=i) for i in range(3)]
    lr = [project(lr_positions, mesh=coarse, pixels=pixels // 4, slabs=slabs, axis=i) for i in range(3)]
    info = {
        "seed": seed, "split": SPLIT.get(seed, "extra"), "box_size_mpc_h": box_size,
        "particles_per_axis": particles, "lr_particles_per_axis": coarse, "steps": steps,
        "pixel_size_mpc_h": box_size / pixels, "slab_mpc_h": box_size / slabs,
        "omega_m": OMEGA_M, "omega_b": OMEGA_B, "h": HUBBLE, "n_s": N_S, "sigma_8": SIGMA_8,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    name = f"{info['split']}_box{seed}"
    np.savez_compressed(out / f"{name}.npz", hr=np.concatenate(hr), lr=np.concatenate(lr), info=json.dumps(info))
    peak = max(image.max() for image in hr)
    print(f"{name}: {sum(map(len, hr))} slices, densities up to {peak:.0f}, {time.time() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--particles", type=int, default=192, help="particles and mesh cells per axis")
    parser.add_argument("--pixels", type=int, default=256, help="HR pixels per axis")
    parser.add_argument("--slabs", type=int, default=16, help="slabs per axis of projection")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--box-size", type=float, default=200.0, help="Mpc/h")
    args = parser.parse_args()
    for seed in args.seeds:
        run(
            seed=seed, particles=args.particles, pixels=args.pixels, slabs=args.slabs,
            steps=args.steps, box_size=args.box_size, out=args.out,
        )  # fmt: skip


if __name__ == "__main__":
    main()
