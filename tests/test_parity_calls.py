"""The same call in PyTorch and here: results, types, shapes, and the kind of error where there is one.

Every expression runs twice, with ``T`` as PyTorch and as this package. They are separated by semicolons.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import micrograd_cn as mt  # noqa: E402
from tests.parity import attempt, outcome  # noqa: E402

CREATION = {
    "zeros, ones, full": """
        T.zeros(2, foo=1) ; T.zeros(2.) ; T.zeros(size=(2, )) ; T.zeros(()) ; T.zeros([2, 1]) ;
        T.zeros((2, ), 1) ; T.zeros(-1) ; T.zeros(T.tensor(2)) ; T.zeros(np.int64(2)) ;
        T.ones(2, dtype=int) ; T.ones(2, dtype=float) ; T.ones(2, dtype=bool) ; T.full((2, ), 1) ;
        T.full((2, ), 1.5) ; T.full((2, ), True) ; T.full((2, ), T.tensor(2)) ; T.full(2, 1) ;
        T.full((2, ), 'a') ; T.full((2, ), 2, dtype=T.float64) ; T.full((2, ), -9, dtype=T.uint8)
    """,
    "tensor": """
        T.tensor([1, 2.]) ; T.tensor([True, 2]) ; T.tensor([True, 2.5]) ; T.tensor(np.float64(1)) ;
        T.tensor([np.float64(1)]) ; T.tensor([np.float32(1), np.int64(2)]) ; T.tensor([[1], [2, 3]]) ;
        T.tensor('a') ; T.tensor(['a']) ; T.tensor(None) ; T.tensor([None]) ; T.tensor({}) ; T.tensor([]) ;
        T.tensor([[]]) ; T.tensor(2**63) ; T.tensor([2**64]) ; T.tensor(T.ones(2)) ;
        T.tensor([T.tensor(1), T.tensor(2)]) ; T.tensor([T.tensor(1.), 2]) ; T.tensor(range(3)) ;
        T.tensor([1, 2], dtype=T.bool) ; T.tensor(1.7, dtype=T.int64) ; T.tensor(300, dtype=T.uint8) ;
        T.tensor([1.5], dtype=T.int32) ; T.tensor(1, requires_grad=True) ; T.tensor(np.array(['a'])) ;
        T.tensor([np.array([1, 2]), np.array([3, 4])]) ; T.tensor(float('nan'), dtype=T.int64) ;
        T.tensor(1, 2) ; T.tensor(np.arange(3)[::-1]) ; T.tensor(-1, dtype=T.uint8) ;
        T.tensor(2**40, dtype=T.int32) ; T.tensor([1., 2], dtype=T.float16) ; T.tensor(True) ;
        T.tensor(1) ; T.tensor(1.) ; T.tensor(np.array(3)) ; T.tensor(np.bool_(True)) ;
        T.tensor(np.zeros(2, dtype=np.float16)) ; T.tensor([[1, 2], [3, 4]]).shape ;
        T.tensor(np.array([1], dtype=object))
    """,
    "as_tensor, from_numpy": """
        T.as_tensor([1, 2]) ; T.as_tensor(np.arange(3)) ; T.as_tensor(3.5) ;
        T.as_tensor(np.arange(3), dtype=T.float32) ; T.as_tensor(T.ones(2), dtype=T.int64) ;
        T.from_numpy([1]) ; T.from_numpy(np.arange(3)[::-1]) ; T.from_numpy(np.array(['a'])) ;
        T.from_numpy(np.float64(2)) ; T.from_numpy(np.array(2.))
    """,
    "arange": """
        T.arange(5) ; T.arange(5.) ; T.arange(1, 5) ; T.arange(0, 1, .3) ; T.arange(5, 0, -2) ;
        T.arange(0, 5, -1) ; T.arange(0, 5, 0) ; T.arange(3, dtype=T.float64) ; T.arange(start=1, end=3) ;
        T.arange(T.tensor(3)) ; T.arange(0) ; T.arange('a') ; T.arange(end=3) ;
        T.arange(1, 2.5, dtype=T.int64) ; T.arange(0, inf) ; T.arange(nan) ;
        T.arange(10, dtype=T.float16) ; T.arange(1, 10, 2, dtype=T.uint8)
    """,
    "linspace, logspace, eye": """
        T.linspace(0, 1, 5) ; T.linspace(0, 1, 1) ; T.linspace(0, 1, 0) ; T.linspace(0, 1, -1) ;
        T.linspace(0, 1) ; T.linspace(0, 10, 5, dtype=T.int64) ; T.linspace(start=0, end=1, steps=2) ;
        T.linspace(0, 1, 5.) ; T.linspace(-1, 1, 7, dtype=T.float64) ; T.logspace(0, 2, 3) ;
        T.logspace(0, 4, 5, base=2) ; T.eye(2, 3) ; T.eye(2, dtype=T.int64) ; T.eye(-1) ; T.empty(2, 0)
    """,
    "_like": """
        T.zeros_like(T.ones(2).long()) ; T.zeros_like([1]) ; T.ones_like(T.ones(2), dtype=T.int32) ;
        T.full_like(T.ones(2).long(), 1.5) ; T.full_like(T.ones(2), 2)
    """,
    "random": """
        T.randint(3) ; T.randint(0, 3, (2, )).dtype ; T.randint(3, 0, (2, )) ; T.rand(2, dtype=T.int64) ;
        T.randn(2, dtype=T.int32) ; T.rand_like(T.ones(2).long()) ; T.randperm(-1) ; T.randperm(3).dtype ;
        T.normal(T.zeros(2), T.ones(3)) ; T.normal(T.zeros(2), -1.) ; T.bernoulli(T.tensor([2.])) ;
        T.multinomial(T.ones(1, 2, 3), 1) ; T.multinomial(T.zeros(3), 1) ; T.multinomial(T.ones(3), 4) ;
        T.multinomial(T.tensor([-1., 2]), 1) ; T.multinomial(T.tensor([1, 2]), 1) ;
        T.randint(5, (2, ), dtype=T.float32).dtype ; T.randint(high=5, size=(2, )).dtype ;
        T.randint(low=1, high=5, size=(2, )).dtype ; T.randint(5, (2, ), dtype=T.bool) ;
        T.bernoulli(T.tensor([1])) ; T.rand(-1) ; T.rand(2, 3, dtype=T.float64).dtype
    """,
    "grids and triangles": """
        T.meshgrid(T.zeros(2, 2)) ; T.meshgrid(T.zeros(2), T.zeros(2, dtype=T.long)) ;
        T.meshgrid(T.zeros(2), indexing='zz') ; T.meshgrid(T.arange(2), T.arange(3), indexing='xy') ;
        T.meshgrid([T.arange(2), T.arange(3)], indexing='ij') ; T.zeros(2, device='foo') ;
        T.tril_indices(3, 4, 1) ; T.triu_indices(3, 3, offset=1, dtype=T.int32) ; T.tril_indices(-1, 2) ;
        T.triu_indices(2, 2, -5)
    """,
    "Tensor and new_": """
        T.Tensor([1, 2]) ; T.Tensor(2, 3).shape ; T.Tensor(5).shape ;
        T.zeros(2, requires_grad=True, dtype=T.long) ; T.ones(2).new_tensor([1, 2]) ;
        T.ones(2).long().new_tensor([1.5]) ; T.ones(2).new_zeros(2, 3) ;
        T.ones(2).new_zeros((2, ), dtype=T.long) ; T.ones(2).new_full((2, ), 3) ;
        T.ones(2).long().new_full((2, ), 3.5) ; T.ones(2).double().new_ones(()) ;
        T.ones(2).new_empty(2, 1).shape ; T.ones(2).new_tensor(T.ones(2).double()) ;
        T.ones(2).new_ones(2, dtype=T.bool)
    """,
    "questions and types": """
        T.numel(T.ones(2, 3)) ; T.is_floating_point(T.ones(2)) ; T.is_tensor(3) ; T.numel(3) ;
        T.result_type(T.tensor([1]), 1.0) ; T.result_type(1, T.tensor(1.)) ; T.result_type(1, 2) ;
        T.result_type(T.tensor([1], dtype=T.uint8), T.tensor(5)) ;
        T.result_type(T.tensor([1], dtype=T.uint8), T.tensor([5], dtype=T.int8)) ;
        T.can_cast(T.double, T.float) ; T.can_cast(T.float, T.int) ; T.can_cast(T.int, T.uint8) ;
        T.can_cast(T.int, T.bool) ; T.can_cast(T.uint8, T.int8) ; T.promote_types(T.uint8, T.int8) ;
        T.promote_types(T.int64, T.float16) ; T.promote_types(T.float16, T.float64) ; T.clone(T.ones(2)) ;
        T.detach(T.ones(2)) ; T.broadcast_shapes((2, 1), (3, )) ; T.broadcast_shapes((2, 1), (3, 3))
    """,
    "conversions": """
        T.ones(2).to(T.int64) ; T.ones(2).to('cpu') ; T.ones(2).to(dtype=T.float64) ;
        T.ones(2).to('cpu', T.float16) ; T.ones(2).to(T.ones(1).double()) ;
        T.tensor([1.5, -1.5, 300]).to(T.uint8) ; T.tensor([1.5, -1.5]).int() ; T.tensor([1.5, 0]).bool() ;
        T.ones(2).type() ; T.ones(2).type(T.int64) ; T.ones(2).type('torch.IntTensor') ;
        T.ones(2).type_as(T.ones(2).long()) ; T.ones(2).half().dtype ; T.ones(2).float().dtype ;
        T.ones(2).to('float32')
    """,
    "Python numbers": """
        float(T.ones(2)) ; int(T.ones(0)) ; T.Tensor().shape ;
        float(T.tensor(2)) ; int(T.tensor(2.7)) ; bool(T.tensor([0.])) ; bool(T.tensor([0., 1])) ;
        bool(T.tensor([])) ; T.ones(2).item() ; T.ones(2, 2).tolist() ; T.tensor(3).tolist() ;
        T.ones(1, 1).item() ; [1, 2, 3][T.tensor(1)] ; [1, 2, 3][T.tensor(1.)] ; len(T.tensor(1.)) ;
        list(T.tensor(1.)) ; list(T.ones(2))
    """,
    "other objects": """
        T.ones(2).numpy() ; T.ones(2, requires_grad=True).numpy() ;
        np.asarray(T.ones(2, dtype=T.float64)) ; np.asarray(T.ones(2, requires_grad=True)) ;
        T.ones(2)==None ; T.ones(2)=='a' ; T.ones(2)+'a' ; T.ones(2)+None ; T.ones(2)+[1, 2] ;
        T.ones(2)@2 ; 2@T.ones(2) ; T.ones(2)<'a' ; 'a'+T.ones(2) ; 1 in T.ones(2) ;
        T.tensor(1) in T.zeros(2)
    """,
    "attributes": """
        T.finfo(T.float32).eps ; T.iinfo(T.int8).max ; T.set_default_dtype(T.int64) ;
        T.tensor([1, 2]).size(5) ; T.ones(2, 3).size(-1) ; T.ones(2, 3).stride() ;
        T.ones(2, 3).t().stride() ; T.ones(2, 3).stride(1) ; T.ones(2, 3).element_size() ;
        T.ones(2, 3).nbytes ; T.ones(2).is_contiguous() ; T.ones(2, 3).t().is_contiguous() ;
        T.ones(2, 3).ndim ; T.ones(2, 3).shape.numel() ; T.ones(2, 3).mT.shape ; T.ones(3).mT ;
        T.ones(2, 3).T.shape
    """,
}

SHAPES = {
    "flatten, unflatten": """
        T.arange(24).reshape(2, 3, 4).flatten(5) ; T.arange(24).reshape(2, 3, 4).flatten(2, 1) ;
        T.arange(24).reshape(2, 3, 4).flatten(1) ; T.arange(24).reshape(2, 3, 4).flatten(0, 1).shape ;
        T.tensor(1.).flatten() ; T.arange(24).reshape(2, 3, 4).unflatten(1, (2, 2)) ;
        T.arange(24).reshape(2, 3, 4).unflatten(1, (3, -1)).shape ;
        T.arange(24).reshape(2, 3, 4).unflatten(3, (3, -1)) ;
        T.arange(24).reshape(2, 3, 4).unflatten(1, ()) ;
        T.arange(24).reshape(2, 3, 4).unflatten(-1, (2, 2)).shape
    """,
    "squeeze, unsqueeze": """
        T.ones(1, 2, 1).squeeze().shape ; T.ones(1, 2, 1).squeeze(0).shape ;
        T.ones(1, 2, 1).squeeze(1).shape ; T.ones(1, 2, 1).squeeze((0, 2)).shape ;
        T.ones(1, 2, 1).squeeze((0, 0)).shape ; T.ones(1, 2, 1).squeeze(5) ;
        T.ones(1, 2, 1).squeeze(-1).shape ; T.tensor(1.).squeeze(0) ; T.tensor(1.).squeeze(1) ;
        T.ones(2, 3).unsqueeze(5) ; T.ones(2, 3).unsqueeze(-3).shape ; T.ones(2, 3).unsqueeze(2).shape ;
        T.tensor(1.).unsqueeze(0) ; T.tensor(1.).unsqueeze(1)
    """,
    "transpose, permute": """
        T.ones(2, 3, 4).transpose(0, 5) ; T.ones(2, 3, 4).transpose(0, -1).shape ;
        T.tensor(1.).transpose(0, -1) ; T.tensor(1.).transpose(0, 1) ; T.ones(2, 3, 4).permute(0, 1) ;
        T.ones(2, 3, 4).permute(0, 1, 1) ; T.ones(2, 3, 4).permute(0, 1, 5) ;
        T.ones(2, 3, 4).permute(2, 0, 1).shape ; T.ones(2, 3, 4).permute((2, 0, -2)).shape ;
        T.permute(T.ones(2, 3), (1, 0)).shape ; T.tensor(1.).permute(())
    """,
    "view, reshape": """
        T.ones(2, 3, 4).view(5, 5) ; T.ones(2, 3, 4).view(-1, -1) ; T.ones(2, 3, 4).view(-1, 5) ;
        T.ones(2, 3, 4).view(-2, 12) ; T.ones(2, 3, 4).view(2, -1).shape ;
        T.ones(2, 3, 4).view((6, 4)).shape ; T.ones(2, 3, 4).view(T.Size([6, 4])).shape ;
        T.ones(2, 3).t().view(6) ; T.ones(2, 3).t().reshape(6).shape ; T.ones(2, 3, 4).reshape(-1, 0) ;
        T.empty(0, 3).reshape(0, -1) ; T.empty(0, 3).reshape(-1, 2).shape ;
        T.reshape(T.ones(2, 3), (3, 2)).shape ; T.ones(2, 3).reshape(()) ; T.ones(1).reshape(()).shape ;
        T.ones(2, 3).reshape(2., 3)
    """,
    "expand, broadcast": """
        T.ones(2, 3, 4).expand(3, 3, 4) ; T.ones(2, 3, 4).expand(2, -1, 5) ;
        T.ones(2, 3, 4).expand(-1, 2, 3, 4) ; T.ones(2, 3, 4).expand(5, 2, 3, 4).shape ;
        T.ones(2, 3, 4).expand(3, 4) ; T.ones(2, 1).expand(-1, 4).shape ; T.tensor(1.).expand(3) ;
        T.ones(2, 1).expand(2, 0).shape ; T.ones(2, 1).expand_as(T.ones(2, 5)).shape ;
        T.broadcast_to(T.ones(2, 3, 4), (3, 3)) ; T.broadcast_to(T.ones(3), (2, 3)).shape ;
        T.broadcast_tensors(T.zeros(2), T.zeros(3)) ; T.broadcast_tensors(T.zeros(2, 1), T.zeros(3))
    """,
    "flip, roll": """
        T.ones(2, 3, 4).flip(5) ; T.ones(2, 3, 4).flip(0, 0) ; T.arange(6).reshape(2, 3).flip(0) ;
        T.arange(6).reshape(2, 3).flip(0, -1) ; T.flip(T.arange(6).reshape(2, 3), [1]) ;
        T.arange(6).reshape(2, 3).fliplr() ; T.flipud(T.arange(6).reshape(2, 3)) ; T.tensor(1.).flip(0) ;
        T.fliplr(T.arange(3)) ; T.arange(6).reshape(2, 3).roll(1) ; T.arange(6).reshape(2, 3).roll(1, 1) ;
        T.arange(6).reshape(2, 3).roll((1, -1), (0, 1)) ; T.arange(6).reshape(2, 3).roll(1, 5) ;
        T.arange(6).reshape(2, 3).roll((1, 2), 0) ; T.arange(6).reshape(2, 3).roll((1, 2)) ;
        T.tensor(1.).roll(1, 0)
    """,
    "select": """
        T.ones(2, 3, 4).select(0, 5) ; T.ones(2, 3, 4).select(5, 0) ; T.ones(2, 3, 4).select(1, -1).shape ;
        T.tensor(1.).select(0, 0)
    """,
    "stack, cat and their kin": """
        T.stack([T.ones(2), T.ones(2)], 5) ; T.stack([]) ; T.stack([T.ones(2), T.ones(3)]) ;
        T.stack([T.ones(2).long(), T.ones(2)]) ; T.stack([T.tensor(1), T.tensor(2)]) ;
        T.stack((T.ones(2, 3), T.zeros(2, 3)), -1).shape ; T.cat([]) ;
        T.cat([T.ones(2, 3), T.ones(2, 3)], 5) ; T.cat([T.ones(2, 3, 4), T.ones(2, 3)]) ;
        T.cat([T.ones(2, 3), T.ones(2, 4)]) ; T.cat([T.tensor(1.), T.tensor(2.)]) ;
        T.cat([T.zeros(2).long(), T.zeros(2)]) ; T.cat([T.zeros(0), T.zeros(2).long()]) ;
        T.cat([T.zeros(0), T.zeros(2, 2)], 1) ; T.cat([T.ones(2, 3), T.ones(2, 2)], -1).shape ;
        T.cat((T.ones(1), T.ones(2)), dim=0) ; T.concat([T.ones(1), T.ones(2)]) ;
        T.cat([T.ones(2), None]) ; T.hstack([T.ones(2), T.zeros(3)]) ;
        T.hstack([T.ones(2, 1), T.zeros(2, 3)]) ; T.vstack([T.ones(3), T.zeros(2, 3)]) ;
        T.vstack((T.tensor(1.), T.tensor(2.))) ; T.column_stack([T.ones(3), T.zeros(3, 2)]) ;
        T.hstack([T.tensor(1.), T.tensor(2.)]) ; T.atleast_1d(T.tensor(1.)) ;
        T.atleast_1d(T.tensor(1.), T.ones(2)) ; T.atleast_2d(T.ones(2)) ; T.atleast_1d([T.tensor(1.)])
    """,
    "split, chunk, unbind": """
        T.ones(2, 3, 4).split(0) ; T.ones(2, 3, 4).split([1, 2]) ; T.ones(2, 3, 4).split(-1) ;
        T.ones(2, 3, 4).split(2, 1) ; T.ones(2, 3, 4).split([1, 3], dim=2) ; T.split(T.arange(5), 2) ;
        T.tensor(1.).split(1) ; T.empty(0, 2).split(3) ; T.empty(0, 2).split(0) ; T.empty(0, 2).chunk(3) ;
        T.ones(2, 3, 4).chunk(0) ; T.arange(7).chunk(3) ; T.arange(4).chunk(7) ;
        T.chunk(T.ones(2, 6), 2, dim=1) ; T.tensor(1.).chunk(1) ; T.tensor(1.).unbind() ;
        T.arange(6).reshape(2, 3).unbind(1) ; T.unbind(T.arange(3))
    """,
    "repeat, tile": """
        T.arange(2).repeat(2) ; T.ones(2, 3).repeat(2) ; T.ones(2, 3).repeat(2, -1) ;
        T.arange(2).repeat(2, 2) ; T.arange(2).repeat((2, 0)).shape ; T.arange(2).tile(2) ;
        T.arange(4).reshape(2, 2).tile((2, )) ; T.tile(T.arange(2), (2, 2)) ;
        T.arange(3).repeat_interleave(2) ; T.arange(6).reshape(2, 3).repeat_interleave(2, dim=1) ;
        T.arange(6).reshape(2, 3).repeat_interleave(T.tensor([1, 2]), 0) ;
        T.repeat_interleave(T.arange(6).reshape(2, 3), T.tensor([1, 2]), dim=0) ;
        T.arange(3).repeat_interleave(-1) ; T.arange(3).repeat_interleave(T.tensor([1, 2])) ;
        T.arange(3).repeat_interleave(T.tensor([1., 2, 1]))
    """,
    "movedim and other orders": """
        T.ones(2, 3, 4).movedim(0, 2).shape ; T.ones(2, 3, 4).movedim((0, 1), (1, 2)).shape ;
        T.ones(2, 3, 4).movedim((0, 1), (1, 1)) ; T.ones(2, 3, 4).movedim((0, 1), (1, )) ;
        T.ones(2, 3, 4).movedim(7, 1) ; T.moveaxis(T.ones(2, 3, 4), 0, -1).shape ; T.ones(2, 3, 4).t() ;
        T.ones(3).t().shape ; T.ones(2, 3).t().shape ; T.ones(2, 3).swapaxes(0, 9) ;
        T.ones(2, 3).swapdims(0, 1).shape
    """,
    "triangles": """
        T.tril(T.zeros(3)) ; T.tril(T.ones(3, 3), -1) ; T.ones(2, 3, 4).triu(1) ;
        T.triu(T.ones(3, 3).long(), diagonal=1)
    """,
    "narrow": """
        T.ones(5, 4).narrow(0, 3, 1).shape ; T.ones(5, 4).narrow(0, 7, 1) ; T.ones(5, 4).narrow(0, 1, -1) ;
        T.ones(5, 4).narrow(0, T.tensor(1), 1).shape ; T.ones(5, 4).narrow(5, 0, 1) ;
        T.ones(5, 4).narrow(1, -2, 2).shape ; T.ones(5, 4).narrow(0, 3, 4) ; T.tensor(1.).narrow(0, 0, 1)
    """,
    "diagonals": """
        T.arange(9).reshape(3, 3).diagonal() ; T.arange(9).reshape(3, 3).diagonal(1) ;
        T.arange(9).reshape(3, 3).diagonal(-1) ; T.arange(9).reshape(3, 3).diagonal(5) ;
        T.arange(24).reshape(2, 3, 4).diagonal(0, 1, 2) ; T.arange(24).reshape(2, 3, 4).diagonal(0, 2, 1) ;
        T.arange(24).reshape(2, 3, 4).diagonal(1, -1, 0) ;
        T.arange(24).reshape(2, 3, 4).diagonal(0, 1, 1) ; T.arange(3).diagonal() ; T.diag(T.arange(3)) ;
        T.diag(T.arange(3), 1) ; T.diag(T.arange(9).reshape(3, 3), -1) ; T.diag(T.ones(2, 2, 2)) ;
        T.diag_embed(T.arange(6).reshape(2, 3)) ; T.diag_embed(T.arange(6).reshape(2, 3), 1) ;
        T.diag_embed(T.arange(6).reshape(2, 3), -1, 0, 2) ;
        T.diag_embed(T.arange(6).reshape(2, 3), 1, 2, 0) ; T.trace(T.arange(9).reshape(3, 3)) ;
        T.trace(T.arange(6).reshape(2, 3)) ; T.trace(T.arange(3)) ; T.arange(9.).reshape(3, 3).trace()
    """,
    "other views": """
        T.ones(2, 3).ravel().shape ; T.ones(2, 3).view_as(T.ones(6)).shape ;
        T.ones(2, 3).reshape_as(T.ones(6)).shape ; T.ones(4).view(T.int32) ;
        T.ones(2, 3).contiguous().shape ; T.squeeze(T.ones(1, 2), dim=0).shape ;
        T.unsqueeze(T.ones(2), dim=0).shape
    """,
    "names of arguments": """
        T.ones(2, 3).sum(axis=0) ; T.ones(2, 3).sum(1, keepdims=True) ;
        T.cat([T.ones(1, 2), T.ones(1, 2)], axis=1) ; T.ones(2, 3).unsqueeze(axis=0).shape ;
        T.ones(2, 3).softmax(axis=1) ; T.max(T.ones(2, 3), axis=1) ;
        T.ones(2, 3).std(axis=1, keepdims=True) ; T.ones(2, 3).argmax(axis=1) ;
        T.stack([T.ones(1, 2), T.ones(1, 2)], axis=1).shape ; T.sum(input=T.ones(2, 3), dim=0) ;
        T.cat(tensors=[T.ones(1)], dim=0) ; T.add(input=T.ones(1), other=T.ones(1)) ;
        T.mul(T.ones(1), other=2) ;
        T.where(condition=T.tensor([True]), input=T.ones(1), other=T.zeros(1))
    """,
    "where, nonzero": """
        T.where(T.tensor([True, False]), 1, 2) ; T.where(T.tensor([True, False]), 1., 2) ;
        T.where(T.tensor([True, False]), T.ones(2), 2) ;
        T.where(T.tensor([True, False]), T.ones(2).long(), 2.5) ; T.where(T.tensor([1, 0]), T.ones(2), 2) ;
        T.where(T.tensor([1, 0], dtype=T.uint8), T.ones(2), 2) ; T.where(T.tensor([True, False])) ;
        T.where(T.arange(6).reshape(2, 3)>2) ; T.where(T.tensor([True, False]), T.ones(3), 2) ;
        T.ones(2).where(T.tensor([True, False]), T.zeros(2)) ;
        T.where(T.tensor(True), T.ones(2).double(), T.ones(2)) ; T.nonzero(T.tensor(1.)) ;
        T.nonzero(T.tensor(0.)) ; T.nonzero(T.tensor(1.), as_tuple=True) ;
        T.nonzero(T.tensor([[1, 0], [0, 2]])) ; T.tensor([[1, 0], [0, 2]]).nonzero(as_tuple=True) ;
        T.zeros(2, 3).nonzero() ; T.argwhere(T.tensor([0, 1, 2]))
    """,
    "sums of products": """
        T.lerp(T.zeros(2), T.ones(2), .25) ; T.lerp(T.zeros(2), T.ones(2), .75) ;
        T.lerp(T.zeros(2), T.ones(2), T.tensor([.25, .75])) ;
        T.addcmul(T.ones(2), T.ones(2), T.ones(2), value=2) ;
        T.addcdiv(T.ones(2), T.ones(2), T.ones(2)*2, value=2) ;
        T.addmm(T.ones(2), T.ones(2, 3), T.ones(3, 2)) ;
        T.addmm(T.ones(2), T.ones(2, 3), T.ones(3, 2), beta=0, alpha=2) ;
        T.addmm(T.full((2, ), nan), T.ones(2, 3), T.ones(3, 2), beta=0) ;
        T.addmm(T.ones(2).double(), T.ones(2, 3), T.ones(3, 2)) ;
        T.addmm(T.ones(2), T.ones(2, 3), T.ones(2, 2)) ; T.addmm(T.ones(3), T.ones(2, 3), T.ones(3, 2)) ;
        T.addmv(T.ones(2), T.ones(2, 3), T.ones(3)) ;
        T.baddbmm(T.ones(1), T.ones(2, 2, 3), T.ones(2, 3, 2)) ; T.inner(T.arange(3), T.arange(3)) ;
        T.inner(T.ones(2, 3), T.ones(4, 3)) ; T.inner(T.tensor(2.), T.ones(3)) ;
        T.inner(T.ones(2), T.ones(3)) ; T.vdot(T.ones(2), T.ones(2)) ;
        T.tensordot(T.ones(2, 3, 4), T.ones(3, 4, 5)).shape ; T.tensordot(T.ones(2, 3), T.ones(3, 2), 1) ;
        T.tensordot(T.ones(2, 3), T.ones(2, 3), ([0, 1], [0, 1])) ;
        T.tensordot(T.ones(2, 3), T.ones(3, 4), 0).shape ;
        T.tensordot(T.ones(2, 3), T.ones(4, 2), ([1], [0]))
    """,
    "limits": """
        T.nan_to_num(T.tensor([nan, inf, -inf, 1.])) ;
        T.nan_to_num(T.tensor([nan, inf, -inf, 1.]), 1., 2., 3.) ; T.tensor([nan, 1]).nan_to_num(nan=5) ;
        T.nan_to_num(T.tensor([1, 2])) ; T.clamp_min(T.arange(3), 1) ; T.clamp_max(T.arange(3.), 1) ;
        T.clamp(T.arange(3), min=0.5) ; T.clamp(T.arange(3.), 2, 1) ; T.clamp(T.arange(3.)) ;
        T.clamp(T.arange(3.), T.tensor([1., 0, 0]), T.tensor(1.)) ; T.clamp(T.tensor([nan, 1.]), 0, 1) ;
        T.clamp(T.arange(3.), min=1) ; T.clip(T.arange(3.), max=1) ; T.logit(T.tensor([.2, .5, 1.])) ;
        T.logit(T.tensor([0., .5, 1.]), 1e-3)
    """,
    "angles, differences": """
        T.deg2rad(T.tensor([180., 90])) ; T.rad2deg(T.tensor([1., 2])) ; T.deg2rad(T.tensor([180, 90])) ;
        T.diff(T.tensor([1, 3, 7])) ; T.diff(T.tensor([1, 3, 7]), 2) ;
        T.diff(T.tensor([True, False, False])) ; T.diff(T.arange(6).reshape(2, 3), dim=0) ;
        T.diff(T.tensor([1, 3, 7]), prepend=T.tensor([0])) ; T.diff(T.tensor(1))
    """,
    "special functions": """
        T.xlogy(T.tensor([0., 1, 2]), T.tensor([0., 2, 3])) ; T.xlogy(T.tensor([0., 1]), nan) ;
        T.xlogy(T.tensor([0, 1]), T.tensor([0, 2])) ; T.xlogy(2, T.tensor([1., 2])) ;
        T.lgamma(T.tensor([1., 5, .5])) ; T.digamma(T.tensor([1, 2])) ; T.polygamma(2, T.tensor([1., 2])) ;
        T.tensor([1., 2]).polygamma(1) ; T.erfinv(T.tensor([0., .5, 1.])) ;
        T.erf(T.tensor([1], dtype=T.float16))
    """,
}


def run(expression: str, module) -> tuple:
    names = {"T": module, "np": np, "inf": math.inf, "nan": math.nan}
    result, error = attempt(eval, expression, names)
    return module.from_numpy(result.copy()) if isinstance(result, np.ndarray) else result, error


@pytest.mark.parametrize("topic", [*CREATION, *SHAPES])
def test_the_same_call_gives_the_same(topic):
    problems = []
    for expression in (CREATION | SHAPES)[topic].split(" ;"):
        expression = expression.strip()
        if found := outcome(run(expression, torch), run(expression, mt)):
            problems.append(f"{expression}: {found}")
    assert not problems, "\n".join(problems)
