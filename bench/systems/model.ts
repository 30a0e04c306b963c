/** The stand-in for the model's API, in a process of its own. */
import { startStandInModel } from '@cc-executor/testing';
import { announce } from '../announce.ts';

const { url } = await startStandInModel();
announce(Number(new URL(url).port));
