"""Calls of every NumPy function that has a derivative, and the functions that have none.

A line is a function and calls of it, the plainest first; letters are the `INPUTS`, each drawn where
the functions are smooth. A call is Python text, so that it runs under any library named `np`.
"""

from __future__ import annotations

import numpy as np

_rng = np.random.default_rng(0)
_apart = np.array([0.9, 0.37, 1.6, 1.2])
_square = _rng.normal(size=(3, 3))

# Distinct entries, away from kinks and jumps; m and N hold NaN, k and K neither 0 nor one sign.
INPUTS: dict[str, np.ndarray] = {
    "s": np.array(0.7),
    "x": _apart,
    "y": np.array([0.55, 1.9, 0.75, 0.28]),
    "k": np.array([-1.3, 0.4, -0.6, 2.2]),
    "a": np.array([0.3, -0.8, 1.1]),
    "b": np.array([-0.5, 0.9, 0.25]),
    "c": np.array([0.1, 0.3, 0.55]),
    "u": np.array([1.4, 2.2, 3.1]),
    "X": np.array([[0.3, 1.4, 0.65], [1.15, 0.2, 0.85]]),
    "Y": np.array([[0.95, 0.5, 1.7], [0.4, 1.25, 0.15]]),
    "K": np.array([[-1.3, 0.45, 1.7], [2.6, -0.35, -2.2]]),
    "m": np.array([0.9, np.nan, 1.6, 0.2]),
    "N": np.array([[0.3, np.nan, 0.65], [1.15, 0.2, 0.85]]),
    "M": _square + 3 * np.eye(3),
    "S": _square @ _square.T + 2 * np.eye(3),
    "T": _rng.permutation(24).reshape(2, 3, 4) / 10 + 0.25,
    "B": np.stack([_square, _square.T]) + 3 * np.eye(3),
}

_ELEMENTWISE = """
abs absolute fabs sign ceil floor trunc fix rint negative positive conj conjugate: np.F(k) np.F(K)
sqrt cbrt square reciprocal exp exp2 expm1 log log2 log10 log1p sin cos sinh cosh tanh arcsinh
    asinh arctan atan sinc deg2rad rad2deg degrees radians i0: np.F(x) np.F(X) np.F(s)
tan arcsin asin arccos acos arctanh atanh: np.F(c) np.F(0.5*s)
arccosh acosh: np.F(u) np.F(1+X)
add subtract multiply divide true_divide power pow float_power maximum minimum fmax fmin hypot
    logaddexp logaddexp2 arctan2 atan2 copysign remainder mod fmod
    : np.F(x,y) np.F(X,a[:3]**2+0.3) np.F(x,0.7) np.F(1.3,y) np.F(s,x)
heaviside: np.F(k,y)
ldexp: np.F(x,2)
floor_divide: np.F(x,y)
divmod modf: np.F(x,y)[1]|np.F(x)[0]
"""

_CALLS = """
frexp: np.frexp(x)[0]
modf: np.modf(k)[0] np.modf(k)[1]
divmod: np.divmod(x,y)[1] np.divmod(x,y)[0]
nan_to_num: np.nan_to_num(x) np.nan_to_num(m)
clip: np.clip(x,0.5,1.3) np.clip(x,y,None) np.clip(x,0.3*y,1.1)
round around: np.F(k) np.F(k,1)
real: np.real(x)
real_if_close: np.real_if_close(x)
unwrap: np.unwrap(4*x) np.unwrap(4*X,axis=0)
mean: np.F(X) np.F(X,axis=0) np.F(T,axis=(0,-1),keepdims=True) np.F(x,0) np.F(s)
    np.F(T,axis=(0,-1),where=T>0.5)
sum prod max min amax amin: np.F(X) np.F(s,axis=0) np.F(X,axis=0) np.F(T,axis=(0,-1),keepdims=True)
var std: np.F(X) np.F(X,axis=0) np.F(T,axis=(0,-1),keepdims=True) np.F(X,axis=1,ddof=1)
    np.F(T,where=T>0.8) np.F(X,axis=1,ddof=1,where=np.array([True,False,True]))
ptp: np.ptp(X) np.ptp(X,axis=0)
average: np.average(X) np.average(X,axis=0,weights=x[:2]) np.average(X,weights=Y) np.average(X,1,Y)
nansum nanprod nanmean nanmax nanmin nanmedian
    : np.F(m) np.F(N,axis=0) np.F(N,axis=1,keepdims=True)
nanvar nanstd: np.F(m) np.F(N,axis=1,keepdims=True) np.F(N,axis=1,ddof=1)
    np.F(m,where=np.array([True,True,True,False]))
nanquantile: np.nanquantile(m,0.3) np.nanquantile(N,0.3,axis=1)
nanpercentile: np.nanpercentile(m,30) np.nanpercentile(N,30,axis=1)
nancumsum nancumprod: np.F(m) np.F(N,axis=1)
cumsum cumprod: np.F(x) np.F(X) np.F(X,axis=1) np.F(k)
cumulative_sum cumulative_prod: np.F(x) np.F(X,axis=1) np.F(x,include_initial=True)
sort: np.sort(x) np.sort(X,axis=0) np.sort(X,axis=None)
partition: np.partition(x,2) np.partition(X,1,axis=1)
median: np.median(x) np.median(T,axis=1) np.median(T,axis=(0,2),keepdims=True)
quantile: np.quantile(x,0.3) np.quantile(X,c,axis=1) np.quantile(T,np.array([0.2,0.9]),axis=1)
    np.quantile(x,0.6,method="lower")
percentile: np.percentile(x,30) np.percentile(x,50*s) np.percentile(T,[20,90],axis=(0,2))
    np.percentile(x,60,method="higher")
cov: np.cov(X) np.cov(x,y) np.cov(T[0],rowvar=False,ddof=0) np.cov(X,aweights=c)
corrcoef: np.corrcoef(X) np.corrcoef(x,y) np.corrcoef(T[0],rowvar=False)
bincount: np.bincount(np.array([2,0,2,3]),x) np.bincount(np.array([1,1,0,1]),weights=x,minlength=4)
histogram: np.histogram(np.array([0.1,0.9,0.2,0.5]),3,weights=x)[0]
    np.histogram(np.array([0.1,0.9,0.2,0.5]),np.array([0,0.2,0.7]),weights=x,density=True)[0]
    np.histogram(np.array([[0.1,0.9,0.2],[0.5,1.3,-1.0]]),4,(0.0,0.9),weights=X)[0]
histogram2d: np.histogram2d(np.array([0.1,0.9,0.2,0.5]),np.array([1,2,2,1.5]),2,weights=x)[0]
    np.histogram2d(np.arange(4.0),np.array([1,2,2,1.5]),[2,3],None,True,x)[0]
histogramdd: np.histogramdd(np.arange(12.0).reshape(4,3),2,weights=x)[0]
    np.histogramdd(np.arange(12.0).reshape(4,3),(2,1,3),density=True,weights=x)[0]
diff: np.diff(x) np.diff(T,n=2,axis=1) np.diff(x,prepend=0.0) np.diff(X,axis=0,append=Y)
ediff1d: np.ediff1d(x) np.ediff1d(X,to_end=np.array([1.5]))
gradient: np.gradient(x) np.gradient(x,0.5) np.gradient(x,np.cumsum(y),edge_order=2)
    np.gradient(T,axis=1)
trapezoid: np.trapezoid(x) np.trapezoid(x,np.cumsum(y)) np.trapezoid(X,dx=0.5,axis=0)
    np.trapezoid(T,x=c,axis=1)
interp: np.interp(0.2+0.1*x,c,b) np.interp(s,c,b) np.interp(x,np.array([0.5,1.0,1.4]),b,left=0.0)
convolve correlate: np.F(x,a) np.F(a,x,"same") np.F(x,a,mode="full") np.F(x,a,"valid")
linspace: np.linspace(s,2.0,5) np.linspace(a,b,3,axis=1) np.linspace(s,2.0,4,endpoint=False)
logspace: np.logspace(s,2.0,5)
geomspace: np.geomspace(s,2.0,5)
polyval: np.polyval(a,x) np.polyval(x,s)
polyadd polysub polymul: np.F(x,a)
polyder polyint: np.F(x) np.F(x,2)
polyfit: np.polyfit(np.array([0.1,0.4,0.8,1.3]),y,2) np.polyfit(x,y,1,w=0.5+x)
poly: np.poly(x)
polydiv: np.polydiv(x,np.array([1.0,0.4]))[0]
vander: np.vander(x) np.vander(x,3,increasing=True)
reshape: np.reshape(X,(3,2)) np.reshape(X,-1) np.reshape(T,(4,6),order="F")
ravel: np.ravel(X) np.ravel(X,order="F")
transpose permute_dims: np.F(X) np.F(T,(1,2,0))
matrix_transpose: np.matrix_transpose(T)
swapaxes: np.swapaxes(T,0,2)
moveaxis: np.moveaxis(T,0,-1) np.moveaxis(T,[0,1],[1,2])
rollaxis: np.rollaxis(T,2)
expand_dims: np.expand_dims(X,1) np.expand_dims(x,(0,2))
squeeze: np.squeeze(X[:1]) np.squeeze(X[:1],axis=0)
atleast_1d atleast_2d atleast_3d: np.F(s) np.F(x)
broadcast_to: np.broadcast_to(a,(2,3))
broadcast_arrays: np.broadcast_arrays(X,a)[1]
concatenate concat: np.F([X,Y]) np.F((X,Y),axis=1) np.F([X,Y],axis=None)
stack: np.stack([x,y]) np.stack([x,y],axis=-1)
hstack vstack dstack column_stack: np.F([x,y]) np.F((X,Y)) np.F([x,np.ones(4)])
row_stack: np.row_stack([x,y])
block: np.block([[X,Y],[Y,X]])
append: np.append(x,y) np.append(x,1.0) np.append(X,Y,axis=1)
insert: np.insert(x,2,0.5) np.insert(X,1,a,axis=0)
delete: np.delete(x,1) np.delete(T,[0,2],axis=1)
split array_split: np.F(x,2)[1] np.F(T,[1,3],axis=2)[1]
hsplit: np.hsplit(X,3)[1] np.hsplit(x,2)[0]
vsplit: np.vsplit(X,2)[1]
dsplit: np.dsplit(T,2)[1]
unstack: np.unstack(T)[1] np.unstack(T,axis=2)[1]
repeat: np.repeat(x,2) np.repeat(X,3,axis=1) np.repeat(x,[1,0,2,1])
tile: np.tile(x,2) np.tile(X,(2,1,3)) np.tile(T,2)
resize: np.resize(x,(2,3))
flip: np.flip(T) np.flip(T,1) np.flip(T,(0,2))
fliplr flipud: np.F(X)
roll: np.roll(x,1) np.roll(T,(1,-1),axis=(0,2)) np.roll(X,2)
rot90: np.rot90(X) np.rot90(T,3,(0,2))
pad: np.pad(x,1) np.pad(X,((1,0),(0,2)),mode="edge") np.pad(x,2,"reflect") np.pad(X,1,"mean")
    np.pad(x,(1,2),"linear_ramp",end_values=0.5) np.pad(x,1,mode="wrap") np.pad(x,(1,),"symmetric")
    np.pad(X,1,constant_values=((1,2),(3,4)))
where: np.where(np.array([True,False,True,False]),x,y) np.where(x>1,x,0.0)
select: np.select([x>1,y>1],[x,y],0.5)
choose: np.choose(np.array([0,1,1,0]),[x,y])
piecewise: np.piecewise(x,[x<1,x>=1],[np.square,np.sqrt])
compress: np.compress([True,False,True],X,axis=1)
extract: np.extract(np.array([True,False,True,False]),x)
take: np.take(x,np.array([0,2,2])) np.take(X,np.array([2,0]),axis=1) np.take(X,np.array(4))
take_along_axis: np.take_along_axis(X,np.array([[2,0],[1,1]]),axis=1)
trim_zeros: np.trim_zeros(np.append(x,0.0))
unique: np.unique(x)
unique_values: np.unique_values(x)
diag: np.diag(x) np.diag(M,1)
diagflat: np.diagflat(X)
diagonal: np.diagonal(M) np.diagonal(T,1,1,2) np.diagonal(T,offset=-1,axis1=2,axis2=0)
trace: np.trace(M) np.trace(T,1,1,2)
tril triu: np.F(M) np.F(T,-1) np.F(T,k=1)
meshgrid: np.meshgrid(x,a)[0] np.meshgrid(x,a,indexing="ij")[1] np.meshgrid(x,a,sparse=True)[1]
ix_: M[np.ix_([0,2],[1])]
dot: np.dot(x,y) np.dot(M,a) np.dot(T,np.outer(x,a)) np.dot(2.0,x)
vdot: np.vdot(x,y) np.vdot(X,Y)
inner: np.inner(x,y) np.inner(T,np.outer(a,x))
outer: np.outer(x,a) np.outer(X,a)
matmul: np.matmul(M,a) np.matmul(B,S)
matvec: np.matvec(B,a)
vecmat: np.vecmat(a,B)
vecdot: np.vecdot(X,Y) np.vecdot(X,Y,axis=0)
tensordot: np.tensordot(T,X,([1],[1])) np.tensordot(M,S) np.tensordot(T,M,axes=[[1],[0]])
kron: np.kron(x,a) np.kron(X,M)
cross: np.cross(a,b) np.cross(X,b) np.cross(M,S,axis=0)
einsum: np.einsum("ij,jk->ik",X,M) np.einsum("...ij,...j",B,a) np.einsum(X,[0,1],M,[1,2],[0,2])
    np.einsum("ij,kj,k->i",X,M,a,optimize=True) np.einsum("ii->i",M)
apply_along_axis: np.apply_along_axis(np.cumsum,1,X) np.apply_along_axis(np.sum,0,T)
apply_over_axes: np.apply_over_axes(np.sum,T,(0,2))
astype: np.astype(x,np.float64)
copy: np.copy(x)
lib.stride_tricks.sliding_window_view: np.lib.stride_tricks.sliding_window_view(T,2,axis=1)
asarray array: np.F(x)
linalg.inv: np.linalg.inv(M) np.linalg.inv(B)
linalg.pinv: np.linalg.pinv(X) np.linalg.pinv(B)
linalg.det: np.linalg.det(M) np.linalg.det(B)
linalg.slogdet: np.linalg.slogdet(M)[1] np.linalg.slogdet(B).logabsdet
linalg.solve: np.linalg.solve(M,a) np.linalg.solve(B,S)
linalg.lstsq: np.linalg.lstsq(X.T,a,rcond=None)[0]
linalg.cholesky: np.linalg.cholesky(S)
linalg.qr: np.linalg.qr(M)[1] np.linalg.qr(X.T)[0]
linalg.svd: np.linalg.svd(X,full_matrices=False)[1] np.linalg.svd(M,compute_uv=False)
linalg.svdvals: np.linalg.svdvals(X)
linalg.eigh: np.linalg.eigh(S)[0]
linalg.eigvalsh: np.linalg.eigvalsh(S)
linalg.eig: np.real(np.linalg.eig(S)[0])
linalg.eigvals: np.real(np.linalg.eigvals(S))
linalg.norm: np.linalg.norm(M) np.linalg.norm(X,axis=1) np.linalg.norm(x,3)
    np.linalg.norm(M,"nuc") np.linalg.norm(M,2) np.linalg.norm(M,-1)
linalg.matrix_norm: np.linalg.matrix_norm(B) np.linalg.matrix_norm(B,ord=2)
linalg.vector_norm: np.linalg.vector_norm(T,axis=1) np.linalg.vector_norm(x,ord=3)
linalg.cond: np.linalg.cond(M)
linalg.matrix_power: np.linalg.matrix_power(M,3) np.linalg.matrix_power(M,-2)
linalg.multi_dot: np.linalg.multi_dot([X,M,S])
linalg.tensorsolve: np.linalg.tensorsolve(M,a)
linalg.tensorinv: np.linalg.tensorinv(M,ind=1)
linalg.matrix_transpose: np.linalg.matrix_transpose(T)
linalg.diagonal: np.linalg.diagonal(T,offset=1)
linalg.trace: np.linalg.trace(B) np.linalg.trace(B,offset=1)
linalg.outer: np.linalg.outer(x,a)
linalg.cross: np.linalg.cross(a,b)
linalg.matmul: np.linalg.matmul(M,S)
linalg.vecdot: np.linalg.vecdot(X,Y)
linalg.tensordot: np.linalg.tensordot(M,S)
fft.fft fft.ifft fft.rfft fft.ihfft: np.real(np.F(x)) np.imag(np.F(x))
fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft2 fft.rfftn: np.real(np.F(X)) np.imag(np.F(X))
fft.irfft: np.fft.irfft(np.fft.rfft(x)) np.fft.irfft(x)
fft.hfft: np.fft.hfft(x)
fft.irfft2 fft.irfftn: np.F(np.fft.rfftn(X)) np.F(X)
fft.fftshift fft.ifftshift: np.F(x) np.F(T,axes=1)
"""

# Why a function has no derivative.
WITHOUT = {
    "answers a question": """
all allclose angle any argmax argmin argpartition argsort argwhere array_equal array_equiv
can_cast common_type count_nonzero digitize equal flatnonzero greater greater_equal
histogram_bin_edges imag intersect1d isclose iscomplex iscomplexobj isdtype isfinite isfortran
isin isinf isnan isnat isneginf isposinf isreal isrealobj isscalar issubdtype iterable less
less_equal lexsort linalg.matrix_rank logical_and logical_not logical_or logical_xor
may_share_memory min_scalar_type mintypecode nanargmax nanargmin ndim nextafter nonzero not_equal
promote_types result_type searchsorted setdiff1d setxor1d shape shares_memory signbit size
spacing typename union1d unique_all unique_counts unique_inverse""",
    "is of integers, dates or bits": """
bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not bitwise_or
bitwise_right_shift bitwise_xor broadcast_shapes busday_count busday_offset datetime_as_string
datetime_data diag_indices diag_indices_from gcd indices invert is_busday lcm left_shift
mask_indices packbits ravel_multi_index right_shift tril_indices tril_indices_from triu_indices
triu_indices_from unpackbits unravel_index""",
    "makes an array of settings": """
arange asanyarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix bartlett blackman bmat
empty empty_like eye fft.fftfreq fft.rfftfreq from_dlpack frombuffer fromfile fromfunction fromiter
fromregex fromstring frompyfunc full full_like genfromtxt hamming hanning identity kaiser load
loadtxt ones ones_like require tri zeros zeros_like""",
    "writes into an array": "copyto fill_diagonal place put put_along_axis putmask",
    "has complex results of real data": "roots sort_complex",
    "prints, stores or sets": """
array2string array_repr array_str base_repr binary_repr einsum_path format_float_positional
format_float_scientific get_include get_printoptions getbufsize geterr geterrcall info
nested_iters printoptions save savetxt savez savez_compressed set_printoptions setbufsize seterr
seterrcall show_config show_runtime test linalg.test fft.test""",
}


def _read(text: str) -> dict[str, list[str]]:
    """{function: calls} of lines "names: calls", in which F stands for the name."""
    found: dict[str, list[str]] = {}
    for line in text.replace("\n    ", " ").strip().splitlines():
        names, _, calls = line.partition(": ")
        for name in names.replace(":", "").split():
            found[name] = [call.replace("np.F(", f"np.{name}(") for call in calls.split()]
    return found


CALLS: dict[str, list[str]] = {**_read(_ELEMENTWISE), **_read(_CALLS)}
